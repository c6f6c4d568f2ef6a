"""Every command of ours that a document names exists, with the options that it is given there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from docs.looked_up import missing_files
from docs.page import steps_of
from docs.runs import pages
from docs.written import simple_commands, written_in

from e2i.cli import main
from e2i.cli.plugin import plugin

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "bentos").rglob("*.md")]
)
PAGES = pages()
OURS = re.compile(r"(?<![\w/.-])(?P<program>kubectl e2i|(?:\.venv/bin/)?e2i) (?P<rest>[a-z][^`\n|;&>#)]*)")
CODE = re.compile(r"```(?:sh|console)\n.*?```|(?<!`)`[^`\n]+`(?!`)", re.DOTALL)
TARGETS = set(re.findall(r"(?m)^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text()))
WORD_OF_A_COMMAND = re.compile(r"[a-z][a-z-]*")


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_and_options_exist(document: Path) -> None:
    assert list(filter(None, map(wrong_with, commands_in(document)))) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_can_be_read_by_the_runner(page: Path) -> None:
    steps_of(page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_of_a_page_has_its_arguments_files_and_target(page: Path) -> None:
    assert [f"{line}: {trouble}" for line, trouble in troubles_in(page)] == []


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        pytest.param("e2i manifest", "Missing argument", id="an argument is missing"),
        pytest.param(
            "kubectl e2i status churn leavers", "unexpected extra argument", id="an argument too much"
        ),
        pytest.param("e2i local no-such", "No such command", id="no such command"),
        pytest.param("kubectl e2i doctor --no-such", "No such option", id="no such option"),
        pytest.param("make no-such", "no target", id="no such target of make"),
        pytest.param("kubectl apply -f manifests/no-such.yaml", "no-such.yaml", id="no such file"),
    ],
)
def test_a_wrong_command_is_found(text: str, trouble: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```sh\n{text}\n```\n")
    ((_, said),) = troubles_in(page)
    assert trouble in said


def test_bentoml_gets_whole_paths() -> None:
    """BentoML 1.4 takes a relative one from the root of the machine."""
    archive = re.compile(r"bentoml (?:import|export [\w:.]+) (\S+)")
    named = [path for each in DOCUMENTS for path in archive.findall(each.read_text())]
    assert len(named) >= 4
    assert [path for path in named if not path.startswith(("/", "~/", '"$PWD/'))] == []


def troubles_in(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the line of each command of `page` that cannot be right, and why."""
    for written in written_in(page):
        for words in simple_commands(written.text):
            troubles = [f"there is no {file}" for file in missing_files(words, PROJECT)]
            troubles += filter(None, [no_target(words)])
            if not written.sentence:
                troubles += filter(None, [misread(words)])
            yield from ((written.line, trouble) for trouble in troubles)


def no_target(words: list[str]) -> str | None:
    wrong = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word) and word not in TARGETS]
    return f"make has no target {wrong[0]}" if words[0] == "make" and wrong else None


def misread(words: list[str]) -> str | None:
    """Return what our own parser says of a command with its arguments, or None; files need not exist."""
    match words:
        case ["kubectl", "e2i", *rest]:
            command: click.Command = plugin
        case ["e2i" | ".venv/bin/e2i", *rest]:
            command = main
        case _:
            return None
    try:
        context = command.make_context("e2i", list(rest))
        while isinstance(command, click.Group) and (rest := [*context._protected_args, *context.args]):
            _, found, rest = command.resolve_command(context, rest)
            assert found
            command, context = found, found.make_context(found.name, rest, parent=context)
    except click.UsageError as error:
        is_about_a_value = type(error) is click.BadParameter and not isinstance(
            error.param and error.param.type, click.Choice
        )
        return None if is_about_a_value else error.format_message()
    except click.exceptions.Exit:
        return None
    return None


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
