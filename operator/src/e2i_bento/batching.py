"""Rows of several requests are predicted together: while the model is busy with some, the next ones gather.

A scikit-learn pipeline takes almost as long for one row as for a hundred. Nobody waits for company: a request that
finds the model idle is predicted at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2i_bento.card import Row

Answers = list[dict[str, Any]]
MAX_BATCH_ROWS = 1000
"""Rows predicted at once when several requests wait; a single request may bring more."""


class RequestBatcher:
    """Predicts what requests of one event loop bring, one batch at a time, in a thread."""

    def __init__(self, answers: Callable[[Sequence[Row]], Answers], thread: ThreadPoolExecutor) -> None:
        self._answers, self._thread = answers, thread
        self._waiting: deque[tuple[Sequence[Row], asyncio.Future[Answers]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def predict(self, rows: Sequence[Row]) -> Answers:
        """The answers for these rows; raises what predicting them raises, whatever others brought."""
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            everything = [row for rows, _ in batch for row in rows]
            try:
                answers = await self._in_thread(everything)
            except Exception as error:
                await self._one_by_one(batch, error)
                continue
            at = 0
            for rows, future in batch:
                _set_result(future, answers[at : at + len(rows)])
                at += len(rows)

    def _next_batch(self) -> list[tuple[Sequence[Row], asyncio.Future[Answers]]]:
        batch = [self._waiting.popleft()]
        size = len(batch[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= MAX_BATCH_ROWS:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        return batch

    async def _one_by_one(self, batch: Any, error: Exception) -> None:
        """One request's rows made the batch fail: the others must not hear of it."""
        for rows, future in batch:
            try:
                if len(batch) == 1:
                    raise error
                _set_result(future, await self._in_thread(rows))
            except Exception as own:
                if not future.done():
                    future.set_exception(own)

    async def _in_thread(self, rows: Sequence[Row]) -> Answers:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answers, rows)


def _set_result(future: asyncio.Future[Answers], answers: Answers) -> None:
    # Done already when the caller went away or its time was up.
    if not future.done():
        future.set_result(answers)
