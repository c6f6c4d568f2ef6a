"""Progress of commands: lines with the time since the start, and one line that is replaced on a terminal."""

from __future__ import annotations

import shutil
import sys
import time

import click

CLEAR = "\r\033[K"


class Stopwatch:
    """Prints steps, each with the seconds since the command began."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._moving = False

    def __call__(self, line: str) -> None:
        """Print a line that stays."""
        click.echo(f"{self._clear()}{self._timed(line)}")

    def title(self, line: str) -> None:
        """Print the title of a chapter."""
        click.echo(f"{self._clear()}\n{self._timed(f'== {line}')}")

    def show(self, line: str) -> None:
        """Print a line that the next one replaces; only for a terminal."""
        width = shutil.get_terminal_size().columns
        click.echo(f"{CLEAR}{self._timed(line)[: width - 1]}", nl=False)
        self._moving = True

    @property
    def moving(self) -> bool:
        """Whether the output is a terminal, on which a line can move."""
        return sys.stdout.isatty()

    def _timed(self, line: str) -> str:
        return f"{time.monotonic() - self._started:6.1f} s  {line}"

    def _clear(self) -> str:
        was, self._moving = self._moving, False
        return CLEAR if was else ""
