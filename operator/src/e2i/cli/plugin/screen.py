"""Writes status documents as they change: redrawn on a terminal, as new lines in a log, as JSON for programs."""

from __future__ import annotations

import shutil
from typing import Any, Protocol, TextIO

from e2i.cli.plugin.drawing import draw
from e2i.cli.plugin.output import as_json, wants_colour
from e2i.clock import now

Document = dict[str, Any]

_BRANCHES = str.maketrans("├└│─", "    ")


class StatusWriter(Protocol):
    """Writes each document that differs from the one before."""

    def show(self, document: Document) -> None: ...


def status_writer(stream: TextIO, *, machine: bool) -> StatusWriter:
    """Return the writer for the stream: JSON for machines, a screen for a terminal, else lines."""
    if machine:
        return JsonWriter(stream)
    return ScreenWriter(stream) if stream.isatty() else LineWriter(stream)


def show_once(stream: TextIO, document: Document) -> None:
    """Write the whole tree once, at its full width."""
    print("\n".join(draw(document, now(), colour=wants_colour(stream))), file=stream)


class ScreenWriter:
    """Redraws the tree in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = wants_colour(stream)
        self._drawn = 0

    def show(self, document: Document) -> None:
        size = shutil.get_terminal_size()
        # A line that wraps or scrolls away cannot be drawn over.
        lines = draw(document, now(), colour=self._colour, width=size.columns)
        room = max(2, size.lines - 1)
        if len(lines) > room:
            lines = [*lines[: room - 1], f"... and {len(lines) - room + 1} more lines"]
        back = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
        print(back + "\n".join(lines), file=self._stream, flush=True)
        self._drawn = len(lines)


class LineWriter:
    """Writes the lines that are new since the document before, each with its time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._written: set[str] = set()

    def show(self, document: Document) -> None:
        moment = now()
        lines = {_words(line): line for line in draw(document, moment, ages=False)}
        for words, line in lines.items():
            if words not in self._written:
                print(f"{moment:%H:%M:%SZ} {line}", file=self._stream, flush=True)
        self._written = set(lines)


class JsonWriter:
    """Writes one JSON document a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, document: Document) -> None:
        print(as_json(document), file=self._stream, flush=True)


def _words(line: str) -> str:
    """Return the words of a line without the branches of the tree."""
    return " ".join(line.translate(_BRANCHES).split())
