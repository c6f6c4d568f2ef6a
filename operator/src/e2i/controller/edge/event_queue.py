"""Posts Events in the background: no pass waits for them, they wait for passes. Those of one model stay in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

from e2i.api.model import Model
from e2i.controller.core.status.transitions import Transition
from e2i.controller.edge.work_queue import Key, Queue

POSTERS = 2
"""Events that are posted at the same time. Few, because a burst of models needs the API server for itself."""
LONGEST_YIELD = 0.5
"""Seconds that one Event lets passes go first that wait for a worker. Only a burst lets them wait."""
MOST_WAITING = 10_000
"""Events that wait, of all models. Further ones are dropped: the condition has the same words."""
PATIENCE = 5.0
"""Seconds that one Event may take."""
LAST_PATIENCE = 2.0
"""Seconds for the Events that wait when the operator stops."""

logger = logging.getLogger("e2i")

Post = Callable[[Model, Transition, datetime], Awaitable[None]]


async def _at_once() -> None:
    """Wait for nobody."""


class EventQueue:
    """The Events that wait. The objects take turns, and so do their namespaces."""

    def __init__(self, post: Post, calm: Callable[[], Awaitable[None]] = _at_once) -> None:
        """`post` creates or counts one Event; `calm` returns when no pass waits for a worker."""
        self._post = post
        self._calm = calm
        self._due = Queue()
        self._waiting: dict[Key, deque[tuple[Model, Transition, datetime]]] = {}
        self._count = 0
        self._dropped = 0

    def add(self, model: Model, transition: Transition, now: datetime) -> None:
        """Let the transition's Event be posted. Drop it if too many wait."""
        if self._count >= MOST_WAITING:
            self._dropped += 1
            return
        self._count += 1
        self._waiting.setdefault(model.key, deque()).append((model, transition, now))
        self._due.add(model.key)

    async def run(self) -> None:
        """Post Events without end."""
        while True:
            await self._post_next(LONGEST_YIELD)

    async def close(self) -> None:
        """Post what still waits, within LAST_PATIENCE."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_PATIENCE):
                while len(self._due):
                    await self._post_next(0.0)

    async def _post_next(self, patience: float) -> None:
        key = await self._due.get()
        events = self._waiting[key]
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._calm()
            await self._post_in_time(*events[0])
            # Not before: one that is interrupted when the operator stops is posted by `close`.
            events.popleft()
            self._count -= 1
        finally:
            if events:
                self._due.add(key)
            else:
                del self._waiting[key]
            self._due.done(key)
            self._say_what_was_dropped()

    async def _post_in_time(self, model: Model, transition: Transition, now: datetime) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._post(model, transition, now)
        except TimeoutError:
            logger.warning("event for %s/%s was not posted within %g s", *model.key, PATIENCE)
        except Exception:
            # An Event is a courtesy: a bug in one must not end the operator.
            logger.exception("event for %s/%s was not posted", *model.key)

    def _say_what_was_dropped(self) -> None:
        if self._dropped and self._count < MOST_WAITING // 2:
            logger.warning("%d events were dropped: more than %d waited", self._dropped, MOST_WAITING)
            self._dropped = 0
