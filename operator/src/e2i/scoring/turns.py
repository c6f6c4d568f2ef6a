"""Lets as many requests go at once as the pace allows, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from e2i.scoring.pace import Pace


class Turns:
    """The requests that wait, and those that are under way."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and give it back at the end of the block."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self._begin()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._end()
            raise
        try:
            yield
        finally:
            self._end()

    def _end(self) -> None:
        self._under_way -= 1
        self._begin()

    def _begin(self) -> None:
        while self._waiting and self._under_way < self._pace.limit:
            first = self._waiting.popleft()
            if not first.done():
                self._under_way += 1
                first.set_result(None)
