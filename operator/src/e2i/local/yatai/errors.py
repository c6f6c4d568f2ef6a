"""The one error of the stand-in's controllers."""

from __future__ import annotations


class ReconcileError(Exception):
    """The object asks for something that cannot be made now; the text is the real controller's own."""
