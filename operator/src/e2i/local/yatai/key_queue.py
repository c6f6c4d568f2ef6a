"""Keys that wait for the single worker that each of Yatai's controllers has."""

from __future__ import annotations

import asyncio

from e2i.local.yatai.yatai_kinds import Key

FIRST_DELAY = 0.005
LONGEST_DELAY = 1000.0


class Workqueue:
    """Holds a key once, in the order of arrival; a key that failed comes back later each time."""

    def __init__(self) -> None:
        self._waiting: dict[Key, None] = {}
        self._filled = asyncio.Event()
        self._failures: dict[Key, int] = {}

    def add(self, key: Key) -> None:
        self._waiting[key] = None
        self._filled.set()

    async def take(self) -> Key:
        """The oldest key; a change that comes while it is worked on puts it in again."""
        await self._filled.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        if not self._waiting:
            self._filled.clear()
        return key

    def add_failed(self, key: Key) -> float:
        """Put the key in again after 5 ms, 10 ms, 20 ms, ... at most 1000 s; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures, 30))
        asyncio.get_running_loop().call_later(delay, self.add, key)
        return delay

    def forget(self, key: Key) -> None:
        """The key went well: its next failure starts from the shortest delay."""
        self._failures.pop(key, None)
