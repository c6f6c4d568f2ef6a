"""Ends a long command on Ctrl-C and on SIGTERM with a sentence, after what it holds was given back."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

import click

INTERRUPTED = 130
"""The exit code of a program that was interrupted, as shells count it."""


@contextlib.contextmanager
def interruptible(next_step: str) -> Iterator[None]:
    """End the command with INTERRUPTED and `next_step` on stderr when it is asked to end."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nInterrupted. {next_step}", err=True)
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
