"""The error of this package."""

from __future__ import annotations


class StackError(Exception):
    """The message says in one or two sentences why the stack cannot be built or run, and the next step."""
