"""Remembers when fields of pods were written into each Deployment: what is taken back again and again is not fought."""

from __future__ import annotations

import asyncio
from datetime import timedelta

FREE = 3
"""Patches of one Deployment without a delay: the first, and two after edits by somebody."""
DELAY = 10.0
"""Seconds until the next; they double."""
LONGEST = 600.0
CALM = 3600.0
"""Seconds after which the patches of a Deployment are forgotten."""


class WorkloadPatches:
    """The patches of the last hour by the uid of their Deployment."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[int, float]] = {}

    def wait(self, uid: str) -> timedelta:
        """Return how long to wait before the next patch."""
        count, last = self._made.get(uid, (0, 0.0))
        if count < FREE:
            return timedelta()
        due = last + min(DELAY * 2 ** (count - FREE), LONGEST)
        return timedelta(seconds=max(0.0, due - asyncio.get_running_loop().time()))

    def note(self, uid: str) -> None:
        """Count a patch."""
        now = asyncio.get_running_loop().time()
        self._made = {one: made for one, made in self._made.items() if now - made[1] < CALM}
        self._made[uid] = (self._made.get(uid, (0, 0.0))[0] + 1, now)
