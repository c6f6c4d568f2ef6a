"""Ends the programs that packaging starts together with it, also if it is killed."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def end_with_parent() -> Callable[[], None] | None:
    """Return a preexec_fn by which the new process gets SIGTERM when the thread that started it ends; None outside of
    Linux."""
    return _ask_for_signal if sys.platform == "linux" else None


def _ask_for_signal() -> None:
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
