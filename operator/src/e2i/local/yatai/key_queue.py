"""The queue of keys for the single worker of each of Yatai's controllers."""

from __future__ import annotations

import asyncio

from e2i.local.yatai.yatai_kinds import Key

FIRST_DELAY = 0.005
LONGEST_DELAY = 1000.0


class Workqueue:
    """Has each key once, in the order of arrival; a key that fails comes back after a growing delay."""

    def __init__(self) -> None:
        self._waiting: dict[Key, None] = {}
        self._filled = asyncio.Event()
        self._failures: dict[Key, int] = {}

    def add(self, key: Key) -> None:
        self._waiting[key] = None
        self._filled.set()

    async def take(self) -> Key:
        """Wait for the oldest key and return it; a change during the work on it adds it again."""
        await self._filled.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        if not self._waiting:
            self._filled.clear()
        return key

    def add_failed(self, key: Key) -> float:
        """Add the key again after 5 ms, 10 ms, 20 ms, ... at most 1000 s; return the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures, 30))
        asyncio.get_running_loop().call_later(delay, self.add, key)
        return delay

    def forget(self, key: Key) -> None:
        """Reset the key's delay after a success."""
        self._failures.pop(key, None)
