"""The error of this package."""

from __future__ import annotations


class StackError(Exception):
    """What went wrong and what to do, in one or two sentences."""
