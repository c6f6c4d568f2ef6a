"""Runs at most one job for each model. A pass starts it, and the same or a later pass fetches its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

from e2i.api.problem import Problem
from e2i.controller.core.actions import PENDING, Pending
from e2i.controller.edge.cancelling import cancel_all
from e2i.controller.edge.work_queue import Key

PATIENCE = 1.0
"""Seconds that a pass waits for a job: most take a few milliseconds."""

Work = Callable[[], Coroutine[Any, Any, Problem | None]]


@dataclass(eq=False)
class _Job:
    deed: Hashable
    task: asyncio.Task[Problem | None]
    begun: float
    is_left: bool = False
    """A pass went on without its end."""


class ModelJobs:
    """The jobs of all models. Belongs to the event loop."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._jobs: dict[Key, _Job] = {}
        self._is_prompt = True
        """Whether the last job ended in time. If not, no pass waits: workers that wait would hold up other models."""

    def is_running(self, key: Key, deed: Hashable) -> bool:
        """Return whether the model's job is this deed and has not ended."""
        job = self._jobs.get(key)
        return job is not None and job.deed == deed and not job.task.done()

    async def run(self, key: Key, deed: Hashable, work: Work) -> Problem | Pending | None:
        """Start the deed or fetch its end; PENDING while it is under way, and the model is woken at its end.

        Another deed of the same model begins when the one before has ended, whose end is forgotten then.
        """
        job = self._jobs.get(key)
        if job and job.deed != deed and not job.task.done():
            job.is_left = True
            return PENDING
        if job is None or job.deed != deed:
            job = self._start(key, deed, work)
        if not job.task.done():
            await asyncio.wait([job.task], timeout=PATIENCE if self._is_prompt else 0)
        if not job.task.done():
            self._is_prompt = False
            job.is_left = True
            return PENDING
        if self._jobs.get(key) is job:
            del self._jobs[key]
        return PENDING if job.task.cancelled() else job.task.result()

    def cancel(self, key: Key) -> None:
        """Cancel the job of the model and forget its end."""
        if job := self._jobs.pop(key, None):
            job.task.cancel()

    async def close(self) -> None:
        """Cancel all jobs."""
        jobs, self._jobs = self._jobs, {}
        await cancel_all(job.task for job in jobs.values())

    def _start(self, key: Key, deed: Hashable, work: Work) -> _Job:
        task = asyncio.create_task(work(), name=f"job of {'/'.join(key)}")
        job = self._jobs[key] = _Job(deed, task, asyncio.get_running_loop().time())
        task.add_done_callback(lambda _: self._end(key, job))
        return job

    def _end(self, key: Key, job: _Job) -> None:
        if job.task.cancelled():
            return
        self._is_prompt = asyncio.get_running_loop().time() - job.begun < PATIENCE
        # Looked at here: nobody may fetch it.
        if job.task.exception() is None and job.is_left:
            self._wake(key)
