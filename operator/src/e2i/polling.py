"""Waits for something that nobody announces: asks again and again until a deadline. Blocks its thread."""

from __future__ import annotations

import time
from collections.abc import Callable


def poll(holds: Callable[[], bool], *, within: float, every: float) -> bool:
    """Ask every so many seconds until `holds` says yes; return False if it does not `within` so many seconds."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
