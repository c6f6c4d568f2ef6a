"""Exports under way: one for each tag however many models want it, watched by the passes.

A pass never waits for an upload; it starts one, or looks how far it is. Results are kept for a moment only:
the store and the bucket are the truth, and asking them again is cheap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from e2i.core.observed import Artifact, Export, Exporting, Trouble

Key = tuple[str, str]
Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) from the thread that uploads."""
Bring = Callable[[str, Progress], Awaitable[Artifact | Trouble]]
"""Exports the bento of a tag; stops soon after its task is cancelled."""

logger = logging.getLogger("e2i")

PATIENCE = 1.0
"""Seconds a pass waits for an export that it started: one that is in the bucket already needs far less."""
KEEP_ARTIFACT = 60.0
KEEP_TROUBLE = 14.0
"""Seconds. Less than the plan's STORE_POLL, so that the next look tries again."""
TELL_EVERY = 10.0
"""Seconds between two reports of progress, so that a long export does not flood status and log."""


@dataclass
class _Job:
    task: asyncio.Task[None]
    wanted_by: set[Key]
    progress: Exporting | None = None
    told: float = field(default=float("-inf"))


class Exports:
    """The exports of one operator; all methods but the progress callback belong to the event loop."""

    def __init__(self, bring: Bring, wake: Callable[[Key], None], limit: int) -> None:
        self._bring = bring
        self._wake = wake
        self._places = asyncio.Semaphore(limit)
        self._jobs: dict[str, _Job] = {}
        self._results: dict[str, tuple[Artifact | Trouble, float]] = {}

    def state(self, tag: str) -> Export:
        """A retry shows the trouble it retries until it gets further, so that a status does not flap."""
        job = self._jobs.get(tag)
        result, kept_until = self._results.get(tag, (None, 0.0))
        if job is not None:
            if job.progress is None and isinstance(result, Trouble):
                return result
            return job.progress or Exporting(done=0, total=0)
        if asyncio.get_running_loop().time() >= kept_until:
            return None
        return result

    async def start(self, tag: str, key: Key) -> None:
        """Begin the export unless it runs; come back when it has ended, or after PATIENCE."""
        job = self._jobs.get(tag)
        if job is None:
            task = asyncio.create_task(self._run(tag), name=f"export {tag}")
            job = self._jobs[tag] = _Job(task=task, wanted_by=set())
        job.wanted_by.add(key)
        await asyncio.wait([job.task], timeout=PATIENCE)

    def abandon(self, key: Key) -> None:
        """The model no longer wants anything: stop an export that nobody else waits for."""
        for job in self._jobs.values():
            job.wanted_by.discard(key)
            if not job.wanted_by:
                job.task.cancel()

    async def close(self) -> None:
        """Stop everything; uploads begun are given up, and leave nothing in the bucket."""
        for job in self._jobs.values():
            job.task.cancel()
        await asyncio.gather(*(job.task for job in self._jobs.values()), return_exceptions=True)

    async def _run(self, tag: str) -> None:
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._tell, tag, done, total)

        try:
            async with self._places:
                result = await self._bring(tag, progress)
            keep = KEEP_ARTIFACT if isinstance(result, Artifact) else KEEP_TROUBLE
            self._results[tag] = (result, loop.time() + keep)
        finally:
            # Those who came while it was being stopped are woken too, and start it anew.
            for key in self._jobs.pop(tag).wanted_by:
                self._wake(key)

    def _tell(self, tag: str, done: int, total: int) -> None:
        job = self._jobs.get(tag)
        now = asyncio.get_running_loop().time()
        if job is None or now - job.told < TELL_EVERY:
            return
        job.told = now
        job.progress = Exporting(done=done, total=total)
        logger.info("export of %s: %d of %d bytes", tag, done, total, extra={"bento": tag})
        for key in job.wanted_by:
            self._wake(key)
