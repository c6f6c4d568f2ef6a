"""Programs that packaging starts end with it, also when it is killed and cannot tell them."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def end_with_parent() -> Callable[[], None] | None:
    """For preexec_fn: the new process gets SIGTERM when the thread that started it ends; None but on Linux."""
    return _ask_for_signal if sys.platform == "linux" else None


def _ask_for_signal() -> None:
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
