"""How documents are shown while they change: on a terminal, in a log, to a program."""

from __future__ import annotations

import io
import json
import os

import pytest
from support.model_bodies import churn, told

from e2i.cli.plugin import screen
from e2i.cli.plugin.output import wants_colour
from e2i.inspection.document import document

FIRST = document(churn(conditions=[told("Ready", "False", "Deploying", "0 of 2")]), {})
SECOND = document(churn(), {})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(screen.shutil, "get_terminal_size", lambda: os.terminal_size((60, 20)))


def test_a_terminal_is_drawn_over() -> None:
    stream = Terminal()
    status_writer = screen.status_writer(stream, machine=False)
    status_writer.show(FIRST)
    drawn = len(stream.getvalue().splitlines())
    status_writer.show(SECOND)
    assert f"\x1b[{drawn}A\x1b[J" in stream.getvalue()
    assert stream.getvalue().count("\x1b[J") == 1


def test_a_small_terminal_shows_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen.shutil, "get_terminal_size", lambda: os.terminal_size((30, 3)))
    stream = Terminal()
    screen.status_writer(stream, machine=False).show(SECOND)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("... and ")


def test_a_log_gets_what_is_new_with_its_time() -> None:
    stream = io.StringIO()
    status_writer = screen.status_writer(stream, machine=False)
    status_writer.show(FIRST)
    before = len(stream.getvalue().splitlines())
    status_writer.show(SECOND)
    (line,) = [line for line in stream.getvalue().splitlines()[before:] if "E2IModel" in line]
    assert line[8:10] == "Z "
    assert "it serves" in line
    status_writer.show(SECOND)
    assert stream.getvalue().count("it serves") == 1


def test_a_program_gets_one_document_a_line() -> None:
    stream = io.StringIO()
    status_writer = screen.status_writer(stream, machine=True)
    status_writer.show(FIRST)
    status_writer.show(SECOND)
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("stream", "environment", "colour"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
    ids=["a terminal", "NO_COLOR", "a dumb terminal", "a pipe"],
)
def test_colour_is_for_terminals_that_want_it(
    stream: io.StringIO, environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(stream) is colour
