"""Runs exports in threads, one for each tag however many models wait for it, namespaces in turn.

A pass starts an export or reads its state, and never waits for an upload. Results are kept for a moment only: the
store and the bucket are the truth, and it is cheap to ask them again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from e2i.api.artifact import Artifact
from e2i.api.problem import Problem
from e2i.controller.core.health import Sign
from e2i.controller.core.observed import Exporting, ExportState
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.export_job import ExportJob, Work
from e2i.controller.edge.jobs.leftover_archives import Delete, LeftoverArchives
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.work_queue import Key

logger = logging.getLogger("e2i")

PATIENCE = 1.0
"""Seconds that a pass waits for an export that it started: one that is in the bucket already takes far less."""
LAST_WAIT = 5.0
"""Seconds that the operator waits at its end for exports to abort their uploads."""
KEEP_ARTIFACT = 60.0
"""Seconds that an artifact is kept."""
KEEP_PROBLEM = 14.0
"""Seconds that a problem is kept. Less than the plan's STORE_POLL, so that the next pass tries again."""
REPORT_EVERY = 10.0
"""Seconds between two reports of progress, so that a long export does not flood status and log."""


@dataclass(frozen=True, eq=False)
class _Kept:
    result: Artifact | Problem
    until: float


class ExportJobs:
    """The exports of one operator. All methods belong to the event loop."""

    def __init__(
        self,
        work: Work,
        wake: Callable[[Key], None],
        limit: int,
        use: ArchiveUse,
        delete: Delete,
        *,
        is_shared: bool = True,
        limited: Container[str] = (),
        ended: Callable[[Problem | None, int, float], None] = lambda *_: None,
    ) -> None:
        """`is_shared`: whether an export is for all namespaces that ask for it, except for those that are `limited`.

        `ended` gets of each export its problem, the bytes that were sent, and its seconds.
        """
        self._work = work
        self._wake = wake
        self._turns = Turns("export", limit)
        self._use = use
        self._is_shared = is_shared
        self._limited = limited
        self._ended = ended
        self._leftovers = LeftoverArchives(use, delete)
        self._jobs: dict[str, ExportJob] = {}
        self._results: dict[str, _Kept] = {}
        self._hung: dict[str, ExportJob] = {}
        """Exports whose threads do not return. They are not started again until these end."""

    @property
    def hung(self) -> int:
        """The number of exports that were given up and whose threads do not return."""
        return self._turns.hung

    def signs(self) -> Iterator[Sign]:
        """Return what `Turns.signs` has to say of the exports."""
        return self._turns.signs()

    def state(self, reference: str, namespace: str = "") -> ExportState:
        """Return the result or the progress of the export, None if neither is known.

        A retry shows the problem of the try before until it makes progress, so that the status does not flap.
        """
        name = self._name(reference, namespace)
        job, kept = self._jobs.get(name), self._results.get(name)
        if job is not None:
            if job.progress is None and kept and isinstance(kept.result, Problem):
                return kept.result
            return job.progress or Exporting(done=0, total=0)
        if hung := self._hung.get(name):
            return hung.hung
        if kept is None or asyncio.get_running_loop().time() >= kept.until:
            return None
        is_gone = isinstance(kept.result, Artifact) and self._use.is_gone(kept.result.uri)
        return None if is_gone else kept.result

    def subscribe(self, reference: str, key: Key) -> None:
        """Wake the model when the export of `reference` ends, if it is under way, whoever started it.

        A model waits for one export at a time: an earlier one is cancelled if no other model waits for it.
        """
        name = self._name(reference, key[0])
        for job in list(self._jobs.values()):
            if job.name == name:
                job.join(key, self._turns)
            else:
                self._unsubscribe(job, key)

    async def start(self, reference: str, key: Key) -> None:
        """Start the export unless it is under way; return when it has ended, at the latest after PATIENCE.

        A pass does not wait for an export that waits for its turn.
        """
        name = self._name(reference, key[0])
        if name not in self._jobs and name not in self._hung:
            job = ExportJob(name, reference, key[0], self._report, self._returned)
            self._jobs[name] = job
            job.task = asyncio.create_task(self._run(job), name=f"export {name}")
        self.subscribe(reference, key)
        # The task begins, and gets a slot if one is free.
        await asyncio.sleep(0)
        found = self._jobs.get(name)
        if found and found.task and found.is_running:
            await asyncio.wait([found.task], timeout=PATIENCE)

    def _name(self, reference: str, namespace: str) -> str:
        """Return by what an export is known: what one namespace exports is nothing to another, unless all share."""
        is_shared = self._is_shared and namespace not in self._limited
        return reference if is_shared else f"{namespace}/{reference}"

    def cancel(self, key: Key) -> None:
        """Cancel what the model waits for, unless another model waits for it too."""
        for job in list(self._jobs.values()):
            self._unsubscribe(job, key)

    async def close(self) -> None:
        """Cancel all exports. Uploads that had begun are aborted and leave nothing in the bucket."""
        tasks = [job.task for job in self._jobs.values() if job.task]
        for job in list(self._jobs.values()):
            self._stop(job)
        if tasks:
            _, running = await asyncio.wait(tasks, timeout=LAST_WAIT)
            for task in running:
                task.cancel()
        await self._leftovers.close()

    def _unsubscribe(self, job: ExportJob, key: Key) -> None:
        if key in job.waiting:
            job.waiting.discard(key)
            if not job.waiting:
                self._stop(job)

    def _stop(self, job: ExportJob) -> None:
        """End a running export soon, and any other at once."""
        job.cancelled.set()
        if not job.is_running and job.task:
            job.task.cancel()
            self._jobs.pop(job.name, None)
            self._results.pop(job.name, None)

    async def _run(self, job: ExportJob) -> None:
        begun = asyncio.get_running_loop().time()
        await self._use.begin_export(job.tag)
        try:
            result = await job.run(self._work, self._turns)
            if isinstance(result, Artifact):
                self._note(job, result)
        finally:
            self._use.end_export(job.tag)
        if job.hung:
            self._hung[job.name] = job
        self._jobs.pop(job.name, None)
        if job.cancelled.is_set():
            self._results.pop(job.name, None)
        else:
            self._keep(job.name, result)
            sent = result.size if isinstance(result, Artifact) and job.uploaded else 0
            seconds = asyncio.get_running_loop().time() - begun
            self._ended(None if isinstance(result, Artifact) else result, sent, seconds)
        # A model that came while the export was being cancelled finds no result and starts it again.
        for key in job.waiting:
            self._wake(key)

    def _note(self, job: ExportJob, artifact: Artifact) -> None:
        self._use.confirm(artifact.uri)
        for key in job.waiting:
            # It is about to request an image of it, and nothing in the cluster says so yet.
            self._use.claim(artifact.uri, key)
        if job.uploaded:
            self._leftovers.watch(artifact, job.namespace)

    def _returned(self, job: ExportJob) -> None:
        if self._hung.pop(job.name, None):
            self._results.pop(job.name, None)
            for key in job.waiting:
                self._wake(key)

    def _keep(self, reference: str, result: Artifact | Problem) -> None:
        loop = asyncio.get_running_loop()
        seconds = KEEP_ARTIFACT if isinstance(result, Artifact) else KEEP_PROBLEM
        kept = self._results[reference] = _Kept(result, loop.time() + seconds)
        loop.call_later(seconds, self._expire, reference, kept)

    def _expire(self, reference: str, kept: _Kept) -> None:
        # A retry that is under way replaces it at its end.
        if self._results.get(reference) is kept and reference not in self._jobs:
            del self._results[reference]

    def _report(self, job: ExportJob, progress: Exporting) -> None:
        job.uploaded = job.uploaded or progress.step == "uploaded"
        now = asyncio.get_running_loop().time()
        if self._jobs.get(job.name) is not job or now - job.reported < REPORT_EVERY:
            return
        job.reported = now
        job.progress = progress
        done, total, step = progress.done, progress.total, progress.step
        logger.info(
            "export of %s: %d of %d bytes %s",
            job.reference,
            done,
            total,
            step,
            extra={"bento": job.reference},
        )
        for key in job.waiting:
            self._wake(key)
