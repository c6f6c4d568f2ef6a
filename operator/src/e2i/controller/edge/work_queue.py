"""Which model is reconciled next: every key at most once, never twice at the same time, namespaces in turn.

Events put keys in; workers take them out. A key that comes in while it is being worked on is handed out
again afterwards. The waiting between failures grows for each key by itself.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from datetime import timedelta

Key = tuple[str, str]
"""(namespace, name)"""

FIRST_DELAY = 0.5
LONGEST_DELAY = 60.0
FREE_RETURNS = 4
"""A pass that changed something is followed by another at once, this often; more in a row are slowed down."""


class Queue:
    """Keys to do. All methods are called from the event loop's own thread."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, OrderedDict[Key, None]] = OrderedDict()
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._returns: dict[Key, int] = {}
        self._available = asyncio.Event()

    def __len__(self) -> int:
        return sum(len(keys) for keys in self._waiting.values())

    def add(self, key: Key) -> None:
        """The key is due now."""
        if key in self._running:
            self._again.add(key)
            return
        self._waiting.setdefault(key[0], OrderedDict())[key] = None
        self._available.set()

    def add_after(self, key: Key, delay: timedelta) -> None:
        """The key is due after `delay`; an earlier appointment stands."""
        due = asyncio.get_running_loop().time() + max(0.0, delay.total_seconds())
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        self._cancel(key)
        self._timers[key] = asyncio.get_running_loop().call_at(due, self._ring, key)

    async def get(self) -> Key:
        """The next key; waits for one. Must be followed by `done`."""
        while not self._waiting:
            self._available.clear()
            await self._available.wait()
        # The namespace whose turn it was goes to the end: a thousand models of one do not hold up another's.
        namespace, keys = self._waiting.popitem(last=False)
        key, _ = keys.popitem(last=False)
        if keys:
            self._waiting[namespace] = keys
        self._running.add(key)
        self._cancel(key)
        return key

    def done(self, key: Key) -> None:
        """The pass has ended; hand the key out again if it came in meanwhile."""
        self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def settled(self, key: Key) -> None:
        """A pass changed nothing and failed at nothing: the next failure waits the short delay again."""
        self._returns.pop(key, None)

    def changed(self, key: Key) -> None:
        """A pass changed the world: look again at once, or later when that goes on and on."""
        count = self._returns[key] = self._returns.get(key, 0) + 1
        if count <= FREE_RETURNS:
            self.add(key)
        else:
            self.add_after(key, backoff(count - FREE_RETURNS))

    def failed(self, key: Key) -> None:
        """A pass could not do something: look again after a delay that grows with every failure."""
        count = self._returns[key] = self._returns.get(key, 0) + 1
        self.add_after(key, backoff(count))

    def forget(self, key: Key) -> None:
        """The model is gone: keep nothing of it."""
        self._returns.pop(key, None)
        self._cancel(key)

    def _ring(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


def backoff(count: int) -> timedelta:
    """Delay after the nth failure: 0.5, 1, 2, ... 60 s, up to a quarter less so that keys spread out."""
    seconds = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(count - 1, 10))
    return timedelta(seconds=seconds * random.uniform(0.75, 1.0))  # noqa: S311 - jitter, not a secret
