"""Decides which model is reconciled next: each key once, never twice at the same time, namespaces in turn.

Events add keys, workers take them. A key that is added while a worker has it is handed out again afterwards. The
delay between failures grows for each key separately. A model that is changed without an end gets a pass a second.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from datetime import timedelta
from typing import Protocol

Key = tuple[str, str]
"""(namespace, name)"""

FIRST_DELAY = 0.5
LONGEST_DELAY = 60.0
FREE_RETURNS = 4
"""Passes in a row that may change something and are followed by the next one at once; more are delayed."""
BURST = 20
"""Passes that may change something of one model at any rate. A release needs fewer than ten."""
LASTING_RATE = 1.0
"""Such passes a second after these: somebody may change a spec a hundred times a second."""


class QueueMeasures(Protocol):
    """Counts what happens to keys."""

    def added(self) -> None:
        """Count a key that became due."""

    def taken(self, waited: float) -> None:
        """Note how many seconds a key was due."""

    def retried(self) -> None:
        """Count a failure."""


class Queue:
    """The keys that are due, now or later. Belongs to the event loop."""

    def __init__(self, measures: QueueMeasures | None = None) -> None:
        self._measures = measures
        self._waiting: OrderedDict[str, OrderedDict[Key, float]] = OrderedDict()
        """Since when each key is due, by namespace."""
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._returns: dict[Key, int] = {}
        self._spent: dict[Key, tuple[float, float]] = {}
        """How much of its burst a key had used, and when that was."""
        self._available = asyncio.Event()
        self._none_due = asyncio.Event()
        self._none_due.set()

    def __len__(self) -> int:
        """Return how many keys are due now."""
        return sum(len(keys) for keys in self._waiting.values())

    @property
    def is_idle(self) -> bool:
        """Whether no key is due, neither now nor later, and no pass is running."""
        return not (self._waiting or self._running or self._timers)

    def add(self, key: Key) -> None:
        """Make the key due now, or soon if it has changed too much lately."""
        if key in self._running:
            self._again.add(key)
            return
        if (too_many := self._used(key) - BURST) > 0:
            self.add_after(key, timedelta(seconds=too_many / LASTING_RATE))
            return
        keys = self._waiting.setdefault(key[0], OrderedDict())
        if key not in keys:
            keys[key] = time.monotonic()
            if self._measures:
                self._measures.added()
        self._available.set()
        self._none_due.clear()

    def add_after(self, key: Key, delay: timedelta) -> None:
        """Make the key due after `delay`, unless it is due earlier already."""
        due = asyncio.get_running_loop().time() + max(0.0, delay.total_seconds())
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        self._cancel(key)
        self._timers[key] = asyncio.get_running_loop().call_at(due, self._ring, key)

    async def get(self) -> Key:
        """Wait for the next key and return it. The caller must call `done` for it."""
        while not self._waiting:
            self._available.clear()
            await self._available.wait()
        # The namespace goes to the end: a thousand models of one namespace do not hold up another's.
        namespace, keys = self._waiting.popitem(last=False)
        key, since = keys.popitem(last=False)
        if keys:
            self._waiting[namespace] = keys
        if not self._waiting:
            self._none_due.set()
        self._running.add(key)
        self._cancel(key)
        if self._measures:
            self._measures.taken(time.monotonic() - since)
        return key

    async def calm(self) -> None:
        """Wait until no key is due: the next one would get a worker at once."""
        await self._none_due.wait()

    def done(self, key: Key) -> None:
        """End the pass; the key is due again if it was added meanwhile."""
        self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def settled(self, key: Key) -> None:
        """Note a pass that changed nothing and did not fail: the next failure has the shortest delay again."""
        self._returns.pop(key, None)
        if not self._used(key):
            self._spent.pop(key, None)

    def changed(self, key: Key) -> None:
        """Note a pass that changed something: the key is due at once, or later if that goes on and on."""
        count = self._returns[key] = self._returns.get(key, 0) + 1
        self._spent[key] = self._used(key) + 1, asyncio.get_running_loop().time()
        if count <= FREE_RETURNS:
            self.add(key)
        else:
            self.add_after(key, backoff(count - FREE_RETURNS))

    def failed(self, key: Key) -> None:
        """Note a pass that failed: the key is due after a delay that grows with every failure."""
        count = self._returns[key] = self._returns.get(key, 0) + 1
        if self._measures:
            self._measures.retried()
        self.add_after(key, backoff(count))

    def forget(self, key: Key) -> None:
        """Forget the key of a model that is gone."""
        self._returns.pop(key, None)
        self._spent.pop(key, None)
        self._cancel(key)

    def _used(self, key: Key) -> float:
        used, at = self._spent.get(key, (0.0, 0.0))
        return max(0.0, used - (asyncio.get_running_loop().time() - at) * LASTING_RATE) if used else 0.0

    def _ring(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


def backoff(count: int) -> timedelta:
    """Return the delay after the nth failure: 0.5, 1, 2, ... 60 s, up to a quarter less to spread the keys."""
    seconds = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(count - 1, 10))
    return timedelta(seconds=seconds * random.uniform(0.75, 1.0))  # noqa: S311 - jitter, not a secret
