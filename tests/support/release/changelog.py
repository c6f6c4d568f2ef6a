"""CHANGELOG.md: one section for each release, and one for what is unreleased. Pure.

Entries of "Unreleased" are one flat list, because branches add to it at the same time and are merged by union.
`**Changed:**` or `**Removed:**` in an entry marks what users have to know before they upgrade. A release sorts the
entries into the parts of Keep a Changelog.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from support.release.version import order

UNRELEASED = "Unreleased"
PARTS = ("Removed", "Changed", "Added", "Fixed")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_MARK = re.compile(r"\*\*(Changed|Removed|Fixed|Added):\*\*")
_RELEASE = re.compile(r"([0-9.]+) - ([0-9]{4}-[0-9]{2}-[0-9]{2})")


@dataclass(frozen=True)
class Section:
    """What one heading of the second level holds."""

    title: str
    text: str

    @property
    def version(self) -> str | None:
        """The release, or None for what is unreleased."""
        found = _RELEASE.fullmatch(self.title)
        return found[1] if found else None

    @property
    def entries(self) -> list[tuple[str, str]]:
        """Return (part, entry); in the flat list the marks of an entry say its part."""
        found: list[tuple[str, list[str]]] = []
        part = ""
        for line in self.text.splitlines():
            if line.startswith("### "):
                part = line.removeprefix("### ")
            elif line.startswith("- "):
                found.append((part, [line]))
            elif line and found:
                found[-1][1].append(line)
        return [(part or part_of("\n".join(lines)), "\n".join(lines)) for part, lines in found]


def part_of(entry: str) -> str:
    """Return the part of an entry of the flat list."""
    marks = _MARK.findall(entry)
    return next((part for part in PARTS if part in marks), "Added")


def sections(changelog: str) -> list[Section]:
    """Return the sections, in their order."""
    found = [*_HEADING.finditer(changelog)]
    ends = [each.start() for each in found[1:]] + [len(changelog)]
    return [
        Section(each[1].strip(), changelog[each.end() : end]) for each, end in zip(found, ends, strict=True)
    ]


def announced(changelog: str, since: str) -> str:
    """Return the entries of what changed or was removed after the release `since`."""
    return "\n".join(_announced(changelog, since))


def _announced(changelog: str, since: str) -> Iterator[str]:
    for section in sections(changelog):
        if section.version is None or order(section.version) > order(since):
            yield from (entry for part, entry in section.entries if part in ("Changed", "Removed"))


def cut(changelog: str, version: str, date: str) -> str:
    """Return the changelog with everything that was unreleased as the section of `version`."""
    first = sections(changelog)[0]
    assert first.title == UNRELEASED, f"the first section is {first.title}, not {UNRELEASED}"
    before, after = changelog.split(first.text, 1)
    parts = [
        f"### {part}\n\n" + "\n".join(entry for of, entry in first.entries if of == part)
        for part in PARTS
        if any(of == part for of, _ in first.entries)
    ]
    made = f"\n\n## {version} - {date}\n\n" + "\n\n".join(parts)
    return f"{before}{made}\n" + (f"\n{after}" if after else "")
