"""Every command of ours that a document names exists, with the options that it is given there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from docs.page import steps_of

from e2i.cli import main
from e2i.cli.plugin import plugin

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "bentos").rglob("*.md")]
)
PAGES = [page for page in DOCUMENTS if page.parent.name in ("howto", "tutorial")]
OURS = re.compile(r"(?<![\w/.-])(?P<program>kubectl e2i|(?:\.venv/bin/)?e2i) (?P<rest>[a-z][^`\n|;&>#)]*)")
CODE = re.compile(r"```(?:sh|console)\n.*?```|(?<!`)`[^`\n]+`(?!`)", re.DOTALL)
WORD_OF_A_COMMAND = re.compile(r"[a-z][a-z-]*")


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_and_options_exist(document: Path) -> None:
    assert list(filter(None, map(wrong_with, commands_in(document)))) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_can_be_read_by_the_runner(page: Path) -> None:
    steps_of(page)


def test_bentoml_gets_whole_paths() -> None:
    """BentoML 1.4 takes a relative one from the root of the machine."""
    archive = re.compile(r"bentoml (?:import|export [\w:.]+) (\S+)")
    named = [path for each in DOCUMENTS for path in archive.findall(each.read_text())]
    assert len(named) >= 4
    assert [path for path in named if not path.startswith(("/", "~/", '"$PWD/'))] == []


def commands_in(document: Path) -> list[str]:
    """Return each call of `e2i` or `kubectl e2i` in the code of `document`, one line each."""
    code = "\n".join(CODE.findall(document.read_text())).replace("\\\n", " ")
    return [f"{found['program']} {found['rest']}".strip() for found in OURS.finditer(code)]


def wrong_with(call: str) -> str | None:
    """Return what is wrong with a call like `e2i package --model x`, or None."""
    words = split(call)
    at = words.index("e2i") if "e2i" in words else 0
    command: click.Command = plugin if words[0] == "kubectl" else main
    rest = words[at + 1 :]
    while isinstance(command, click.Group) and rest and WORD_OF_A_COMMAND.fullmatch(rest[0]):
        found = command.get_command(click.Context(command), rest[0])
        if not found:
            return f"{call}: there is no command {rest[0]}"
        command, rest = found, rest[1:]
    known = {"--help"} | {
        name for option in command.params for name in (*option.opts, *option.secondary_opts)
    }
    used = {word.partition("=")[0] for word in rest if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
    return f"{call}: {used - known} is no option" if used - known else None


def split(call: str) -> list[str]:
    try:
        return shlex.split(call)
    except ValueError:
        return call.split()
