"""A release keeps its promises: nothing of the public surface of the last one is gone or different in silence."""

from __future__ import annotations

import pytest
from support.release import changelog, version
from support.release.__main__ import CHANGELOG, SURFACES, as_text, last_release, recorded
from support.release.comparison import breaks, unannounced
from support.release.surface import surface

import e2i

SECTIONS = changelog.sections(CHANGELOG.read_text())
LAST = last_release()


def test_what_changed_since_the_last_release_is_announced() -> None:
    """If not: CHANGELOG.md, Unreleased, needs an entry with **Changed:** or **Removed:** and the name in backticks."""
    found = breaks(recorded(LAST), surface())
    assert [str(each) for each in unannounced(found, changelog.announced(CHANGELOG.read_text(), LAST))] == []


def test_the_version_is_that_of_a_release_or_of_the_next_one() -> None:
    """Next: python -m support.release begin VERSION"""
    if version.is_release(e2i.__version__):
        assert e2i.__version__ == LAST
        assert as_text(recorded(LAST)) == as_text(surface())
    else:
        assert version.order(e2i.__version__) > version.order(LAST)


def test_the_version_is_read_from_its_place() -> None:
    assert version.version_of(version.PLACE.read_text()) == e2i.__version__


def test_the_changelog_has_what_is_unreleased_first_and_then_the_releases_newest_first() -> None:
    first, *releases = SECTIONS
    assert first.title == changelog.UNRELEASED
    versions = [section.version for section in releases]
    assert None not in versions, "a heading of a release is VERSION - YYYY-MM-DD"
    assert versions == sorted(map(str, versions), key=version.order, reverse=True)


def test_each_release_has_its_surface() -> None:
    assert {section.version for section in SECTIONS[1:]} == {file.stem for file in SURFACES.glob("*.yaml")}


@pytest.mark.parametrize("section", SECTIONS[1:], ids=lambda section: section.title)
def test_a_release_has_the_parts_of_keep_a_changelog_and_no_entry_twice(section: changelog.Section) -> None:
    assert {part for part, _ in section.entries} <= set(changelog.PARTS)
    entries = [entry for _, entry in section.entries]
    assert len(set(entries)) == len(entries)
