"""Runs exports in threads, one for each tag however many models wait for it.

A pass starts an export or reads its state, and never waits for an upload. Results are kept for a moment only: the
store and the bucket are the truth, and it is cheap to ask them again.
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
from e2i.archive.export_progress import Progress, Step
from e2i.controller.core.observed import Export, Exporting
from e2i.controller.edge.work_queue import Key

Work = Callable[[str, Progress, threading.Event], Artifact | Problem]
"""Exports the bento of a tag; ends soon after the event is set."""

logger = logging.getLogger("e2i")

PATIENCE = 1.0
"""Seconds that a pass waits for an export it started: one that is in the bucket already takes far less."""
KEEP_ARTIFACT = 60.0
"""Seconds that an artifact is kept."""
KEEP_PROBLEM = 14.0
"""Seconds that a problem is kept. Less than the plan's STORE_POLL, so that the next pass tries again."""
REPORT_EVERY = 10.0
"""Seconds between two reports of progress, so that a long export does not flood status and log."""


@dataclass
class _Job:
    task: asyncio.Task[None]
    cancelled: threading.Event
    waiting: set[Key]
    """Models to wake when it ends. Without any the export is cancelled."""
    progress: Exporting | None = None
    reported: float = field(default=float("-inf"))


class ExportJobs:
    """The exports of one operator. All methods except the progress callback belong to the event loop."""

    def __init__(self, work: Work, wake: Callable[[Key], None], limit: int) -> None:
        self._work = work
        self._wake = wake
        self._threads = ThreadPoolExecutor(max_workers=limit, thread_name_prefix="export")
        self._jobs: dict[str, _Job] = {}
        self._results: dict[str, tuple[Artifact | Problem, float]] = {}
        self._exported_for: dict[str, frozenset[Key]] = {}
        """By archive (uri): models that waited for its last export."""

    def state(self, tag: str) -> Export:
        """Return the result or the progress of the export, None if neither is known.

        A retry shows the problem of the try before until it makes progress, so that the status does not flap.
        """
        job = self._jobs.get(tag)
        result, kept_until = self._results.get(tag, (None, 0.0))
        if job is not None:
            if job.progress is None and isinstance(result, Problem):
                return result
            return job.progress or Exporting(done=0, total=0)
        if asyncio.get_running_loop().time() >= kept_until:
            return None
        return result

    def subscribe(self, tag: str, key: Key) -> None:
        """Wake the model when the export of `tag` ends, if it is running, whoever started it.

        A model waits for one export at a time: an earlier one is cancelled if no other model waits for it.
        """
        for other, job in self._jobs.items():
            if other == tag:
                job.waiting.add(key)
            else:
                self._unsubscribe(job, key)

    async def start(self, tag: str, key: Key) -> None:
        """Start the export unless it is running; return when it has ended, at the latest after PATIENCE."""
        if tag not in self._jobs:
            cancelled = threading.Event()
            task = asyncio.create_task(self._run(tag, cancelled), name=f"export {tag}")
            self._jobs[tag] = _Job(task=task, cancelled=cancelled, waiting=set())
        self.subscribe(tag, key)
        await asyncio.wait([self._jobs[tag].task], timeout=PATIENCE)

    def recent_archives(self, excluding: Key) -> frozenset[str]:
        """Return the archives (uris) exported a moment ago for models other than `excluding`.

        These models may be about to request an image of them.
        """
        now = asyncio.get_running_loop().time()
        recent = {
            result.uri
            for result, until in self._results.values()
            if until > now and isinstance(result, Artifact)
        }
        return frozenset(uri for uri in recent if self._exported_for.get(uri, frozenset()) - {excluding})

    def forget_archive(self, uri: str) -> None:
        """Forget the results for an archive that is about to be deleted, so that it is exported again."""
        gone = [
            tag
            for tag, (result, _) in self._results.items()
            if isinstance(result, Artifact) and result.uri == uri
        ]
        for tag in gone:
            del self._results[tag]

    def cancel(self, key: Key) -> None:
        """Cancel what the model waits for, unless another model waits for it too."""
        for job in self._jobs.values():
            self._unsubscribe(job, key)

    async def close(self) -> None:
        """Cancel all exports. Uploads that had begun are aborted and leave nothing in the bucket."""
        for job in self._jobs.values():
            job.cancelled.set()
        await asyncio.gather(*(job.task for job in self._jobs.values()), return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _unsubscribe(self, job: _Job, key: Key) -> None:
        if key in job.waiting:
            job.waiting.discard(key)
            if not job.waiting:
                job.cancelled.set()

    async def _run(self, tag: str, cancelled: threading.Event) -> None:
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int, step: Step = "uploaded") -> None:
            loop.call_soon_threadsafe(self._report, tag, Exporting(done=done, total=total, step=step))

        result: Artifact | Problem
        try:
            result = await loop.run_in_executor(self._threads, self._work, tag, progress, cancelled)
        except Exception as error:
            # A bug that this bento triggers is this bento's failure; all other exports go on.
            logger.exception("export of %s failed unexpectedly", tag)
            result = Problem(reason=Reason.ExportFailed, message=f"{tag}: {type(error).__name__}: {error}")
        job = self._jobs.pop(tag)
        keep = KEEP_ARTIFACT if isinstance(result, Artifact) else KEEP_PROBLEM
        if not cancelled.is_set():
            self._results[tag] = (result, loop.time() + keep)
            if isinstance(result, Artifact):
                self._exported_for[result.uri] = frozenset(job.waiting)
        # A model that came while the export was being cancelled finds no result and starts it again.
        for key in job.waiting:
            self._wake(key)

    def _report(self, tag: str, progress: Exporting) -> None:
        job = self._jobs.get(tag)
        now = asyncio.get_running_loop().time()
        if job is None or now - job.reported < REPORT_EVERY:
            return
        job.reported = now
        job.progress = progress
        done, total, step = progress.done, progress.total, progress.step
        logger.info("export of %s: %d of %d bytes %s", tag, done, total, step, extra={"bento": tag})
        for key in job.waiting:
            self._wake(key)
