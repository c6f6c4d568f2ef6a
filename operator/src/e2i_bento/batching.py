"""Predicts the rows of several requests together: while the model is busy, the requests that arrive wait as a batch.

A scikit-learn pipeline takes almost as long for one row as for a hundred. A request that finds the model idle is
predicted at once.

Under overload the queue is bounded by time: a request that could not be answered before the service's timeout is
refused with Overloaded, and one whose caller is gone is skipped. So the model works only for callers who still wait.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from e2i_bento.card import Row

Answers = list[dict[str, Any]]
IsDisconnected = Callable[[], Awaitable[bool]]
MAX_BATCH_ROWS = 1000
"""Rows of several requests that are predicted at once; a single request may bring more."""
BATCH_SECONDS = 1.0
"""A batch of a slow model has no more rows than it predicts in this time, so that answers leave while others wait."""
MAX_WAITING = 1000
"""Requests that may wait, however fast the model is: each holds memory."""
LOOK_SECONDS = 0.1
"""Time between two looks at the whole queue while requests arrive: one look takes up to 1 ms."""
SHARE_OF_TIMEOUT = 0.8
"""The rest of a service's timeout is for reading requests, writing answers, and models that share the thread."""
DEFAULT_TIMEOUT = 60.0
"""Seconds: BentoML's own default of `traffic.timeout`."""


class Overloaded(Exception):
    """More requests wait than can be answered in time. `retry_after`: seconds until the queue is shorter."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"{waiting} requests wait, more than the model can answer in time: "
            f"ask again in {retry_after} s, or give the model more replicas"
        )


class CallerGone(Exception):
    """The caller closed the connection before its rows were predicted."""


async def never_disconnected() -> bool:
    """Say of a caller that cannot be watched that it still waits."""
    return False


@dataclass(eq=False)
class _Waiting:
    """A request that waits: its rows, when it came, its answers to come, and whether its caller is gone."""

    rows: Sequence[Row]
    arrived: float
    answers: asyncio.Future[Answers]
    is_disconnected: IsDisconnected


class RequestBatcher:
    """Predicts the rows of requests of one event loop, one batch at a time, in a thread."""

    def __init__(
        self,
        predict: Callable[[Sequence[Row]], Answers],
        thread: ThreadPoolExecutor,
        timeout: float = DEFAULT_TIMEOUT,
        max_rows: int | None = None,
    ) -> None:
        """`timeout`: seconds after which the service gives a request up; `max_rows`: of a batch, by default
        MAX_BATCH_ROWS."""
        self._predict, self._thread = predict, thread
        self._max_seconds, self._max_rows = timeout * SHARE_OF_TIMEOUT, max_rows
        self._queue: deque[_Waiting] = deque()
        self._running: Sequence[_Waiting] = ()
        self._started = self._looked = 0.0
        self._row_seconds = 0.0
        self._is_saturated = False
        self._worker: asyncio.Task[None] | None = None

    async def predict(
        self, rows: Sequence[Row], is_disconnected: IsDisconnected = never_disconnected
    ) -> Answers:
        """Return the answers for `rows`. Raises Overloaded, CallerGone, and what predicting these rows raises."""
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(rows, time.monotonic(), future, is_disconnected))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._run())
        elif time.monotonic() - self._looked >= LOOK_SECONDS or len(self._queue) > MAX_WAITING:
            self._refuse_late()
        return await future

    async def _run(self) -> None:
        while self._queue:
            if batch := await self._next_batch():
                self._running, self._started = batch, time.monotonic()
                await self._answer(batch)
                self._running = ()
                self._refuse_late()

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._in_thread([row for each in batch for row in each.rows])
        except Exception as error:
            await self._answer_one_by_one(batch, error)
            return
        start = 0
        for each in batch:
            _set_result(each.answers, answers[start : start + len(each.rows)])
            start += len(each.rows)

    async def _next_batch(self) -> list[_Waiting]:
        """Take the requests at the head of the queue that fit into one batch, without those nobody waits for."""
        # The first request goes alone: how long a row takes is not known yet.
        limit = int(BATCH_SECONDS / self._row_seconds) if self._row_seconds else 1
        limit = min(limit, self._max_rows or MAX_BATCH_ROWS)
        batch: list[_Waiting] = []
        rows = 0
        while self._queue and (not batch or rows + len(self._queue[0].rows) <= limit):
            waiting = self._queue.popleft()
            if not waiting.answers.done() and await waiting.is_disconnected():
                _set_error(waiting.answers, CallerGone())
            # Done without an answer when the service's timeout is over.
            if not waiting.answers.done():
                batch.append(waiting)
                rows += len(waiting.rows)
        return batch

    def _refuse_late(self) -> None:
        """Refuse the waiting requests that could not be answered in time, and forget those nobody waits for."""
        now = self._looked = time.monotonic()
        waiting = [each for each in self._queue if not each.answers.done()]
        # Part of the running batch is done already.
        seconds = -min(now - self._started, BATCH_SECONDS) if self._running else 0.0
        seconds += self._row_seconds * sum(len(each.rows) for each in self._running)
        self._queue.clear()
        for each in waiting:
            more = self._row_seconds * len(each.rows)
            late = now - each.arrived + seconds + more - self._max_seconds
            # A request with nobody before it is tried, whatever it takes.
            is_first = not self._queue and not self._running
            if (late > 0 and self._is_saturated and not is_first) or len(self._queue) >= MAX_WAITING:
                _set_error(each.answers, Overloaded(len(waiting), math.ceil(max(late, 1))))
            else:
                seconds += more
                self._queue.append(each)

    async def _answer_one_by_one(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Find the request whose rows made the batch fail, so that the others still get their answers."""
        for each in batch:
            try:
                if len(batch) == 1:
                    raise error
                if not each.answers.done():
                    _set_result(each.answers, await self._in_thread(each.rows))
            except Exception as own:
                _set_error(each.answers, own)

    async def _in_thread(self, rows: Sequence[Row]) -> Answers:
        answers, seconds = await asyncio.get_running_loop().run_in_executor(self._thread, self._timed, rows)
        latest = seconds / max(len(rows), 1)
        # The mean of the last few batches: one that was slow by chance must not refuse requests.
        self._row_seconds = (self._row_seconds + latest) / 2 if self._row_seconds else latest
        # A short batch shows what a batch costs, not what a row more costs: larger ones are tried first.
        self._is_saturated = seconds >= BATCH_SECONDS / 2 or len(rows) >= (self._max_rows or MAX_BATCH_ROWS)
        return answers

    def _timed(self, rows: Sequence[Row]) -> tuple[Answers, float]:
        """Predict in the thread; the time does not include the wait for another model that uses it."""
        started = time.monotonic()
        return self._predict(rows), time.monotonic() - started


def _set_result(future: asyncio.Future[Answers], answers: Answers) -> None:
    # Done already when the caller went away or its time was up.
    if not future.done():
        future.set_result(answers)


def _set_error(future: asyncio.Future[Answers], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
