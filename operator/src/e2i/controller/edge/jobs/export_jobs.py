"""ExportJobs under way: one for each tag however many models want it, in threads, watched by the passes.

A pass never waits for an upload; it starts one, or looks how far it is. Results are kept for a moment only:
the store and the bucket are the truth, and asking them again is cheap.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.observed import Export, Exporting

Key = tuple[str, str]
Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) from the thread that uploads."""
Work = Callable[[str, Progress, threading.Event], Artifact | Problem]
"""ExportJobs the bento of a tag; ends soon after the event is set."""

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
    cancel: threading.Event
    wanted_by: set[Key]
    progress: Exporting | None = None
    told: float = field(default=float("-inf"))


class ExportJobs:
    """The exports of one operator; all methods but the progress callback belong to the event loop."""

    def __init__(self, work: Work, wake: Callable[[Key], None], limit: int) -> None:
        self._work = work
        self._wake = wake
        self._threads = ThreadPoolExecutor(max_workers=limit, thread_name_prefix="export")
        self._jobs: dict[str, _Job] = {}
        self._results: dict[str, tuple[Artifact | Problem, float]] = {}
        self._fresh: dict[str, frozenset[Key]] = {}
        """By archive (uri): who wanted the last export of it."""

    def state(self, tag: str, key: Key) -> Export:
        """How far the export is; a model that finds it under way, whoever began it, is woken when it ends.

        A retry shows the trouble it retries until it gets further, so that a status does not flap.
        """
        job = self._jobs.get(tag)
        result, kept_until = self._results.get(tag, (None, 0.0))
        if job is not None:
            job.wanted_by.add(key)
            if job.progress is None and isinstance(result, Problem):
                return result
            return job.progress or Exporting(done=0, total=0)
        if asyncio.get_running_loop().time() >= kept_until:
            return None
        return result

    async def start(self, tag: str, key: Key) -> None:
        """Begin the export unless it runs; come back when it has ended, or after PATIENCE."""
        job = self._jobs.get(tag)
        if job is None:
            cancel = threading.Event()
            task = asyncio.create_task(self._run(tag, cancel), name=f"export {tag}")
            job = self._jobs[tag] = _Job(task=task, cancel=cancel, wanted_by=set())
        job.wanted_by.add(key)
        await asyncio.wait([job.task], timeout=PATIENCE)

    def archives(self, but: Key) -> frozenset[str]:
        """Archives (uris) that other models had exported a moment ago, and may be about to ask an image of."""
        now = asyncio.get_running_loop().time()
        fresh = {
            result.uri
            for result, until in self._results.values()
            if until > now and isinstance(result, Artifact)
        }
        return frozenset(uri for uri in fresh if self._fresh.get(uri, frozenset()) - {but})

    def forget(self, uri: str) -> None:
        """The archive is about to go: whoever wants it asks for it anew."""
        gone = [
            tag
            for tag, (result, _) in self._results.items()
            if isinstance(result, Artifact) and result.uri == uri
        ]
        for tag in gone:
            del self._results[tag]

    def abandon(self, key: Key) -> None:
        """The model no longer wants anything: stop an export that nobody else waits for."""
        for job in self._jobs.values():
            job.wanted_by.discard(key)
            if not job.wanted_by:
                job.cancel.set()

    async def close(self) -> None:
        """Stop everything; uploads begun are given up, and leave nothing in the bucket."""
        for job in self._jobs.values():
            job.cancel.set()
        await asyncio.gather(*(job.task for job in self._jobs.values()), return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, tag: str, cancel: threading.Event) -> None:
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._tell, tag, done, total)

        result: Artifact | Problem
        try:
            result = await loop.run_in_executor(self._threads, self._work, tag, progress, cancel)
        except Exception as error:
            # A surprise concerns this bento alone: it is told like any other failure, and all others go on.
            logger.exception("export of %s failed in a way that has no word of its own", tag)
            result = Problem(reason=Reason.ExportFailed, message=f"{tag}: {type(error).__name__}: {error}")
        job = self._jobs.pop(tag)
        keep = KEEP_ARTIFACT if isinstance(result, Artifact) else KEEP_TROUBLE
        if not cancel.is_set():
            self._results[tag] = (result, loop.time() + keep)
            if isinstance(result, Artifact):
                self._fresh[result.uri] = frozenset(job.wanted_by)
        # Who came to want it while it was being given up finds no result, and starts it anew.
        for key in job.wanted_by:
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
