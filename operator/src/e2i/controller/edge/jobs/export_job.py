"""Runs one export: an attempt in a thread, and further ones while the files of the bento change."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.export import SETTLED
from e2i.archive.export_progress import Attempt, Step, Unsettled
from e2i.controller.core.observed import Exporting
from e2i.controller.edge.jobs.turns import Beat, Hung, Ticket, Turns
from e2i.controller.edge.work_queue import Key

Result = Artifact | Problem | Unsettled
Work = Callable[[Attempt], Result]
"""Makes one attempt; ends soon after its event is set."""

HUNG_AFTER = 300.0
"""Seconds without progress after which an export is given up."""
LOOKS = 60
"""Looks at a bento that is changing, SETTLED seconds apart, before that is reported as its problem."""

logger = logging.getLogger("e2i")


@dataclass(eq=False)
class ExportJob:
    """An export and the models that wait for it. Belongs to the event loop, except for `call`."""

    name: str
    """By what the export is known: the reference, with the namespace if namespaces share no archives."""
    reference: str
    namespace: str
    """The namespace of the model that asked first."""
    report: Callable[[ExportJob, Exporting], None]
    """Called with its progress."""
    returned: Callable[[ExportJob], None]
    """Called whenever its thread returns."""
    waiting: set[Key] = field(default_factory=set)
    """Models to wake when it ends. Without any the export is cancelled."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    task: asyncio.Task[None] | None = None
    ticket: Ticket | None = None
    """Its place in the queue; None while it waits for files that change."""
    progress: Exporting | None = None
    uploaded: bool = False
    """Whether bytes were sent: the archive was not in the bucket before."""
    reported: float = float("-inf")
    hung: Problem | None = None
    """Why it was given up while its thread does not return."""

    @property
    def tag(self) -> str:
        return self.reference.partition("@")[0]

    @property
    def is_running(self) -> bool:
        """Whether a thread works for it now."""
        return self.ticket is not None and self.ticket.has_begun

    def join(self, key: Key, turns: Turns) -> None:
        """Let the model wait too; until the export has begun, in the turn of its own namespace."""
        waits = self.ticket is not None and not self.ticket.has_begun
        if self.ticket and waits and key[0] not in {namespace for namespace, _ in self.waiting}:
            turns.join(self.ticket, key[0])
        self.waiting.add(key)

    async def run(self, work: Work, turns: Turns) -> Artifact | Problem:
        """Return the archive or the problem, whatever the attempts do."""
        try:
            return await self._attempts(work, turns)
        except Hung:
            message = (
                f"The export of {self.reference} made no progress for {HUNG_AFTER:g} s and does not return: the "
                "bento store (E2I_BENTO_STORE) or the S3 server is stuck. It is tried again once the call returns; "
                "if the store works again and this does not end, restart the operator."
            )
            self.hung = Problem(reason=Reason.ExportFailed, message=message)
            return self.hung
        except Exception as error:
            # A bug that this bento triggers is this bento's failure; all other exports go on.
            logger.exception("export of %s failed unexpectedly", self.reference)
            message = f"{self.reference}: {type(error).__name__}: {error}"
            return Problem(reason=Reason.ExportFailed, message=message)

    async def _attempts(self, work: Work, turns: Turns) -> Artifact | Problem:
        """Try until the bento no longer changes. While it changes, no thread waits for it."""
        seen: Unsettled | None = None
        for _ in range(LOOKS):
            self.ticket = turns.queue(self.namespace)
            for namespace in {of for of, _ in self.waiting} - {self.namespace}:
                turns.join(self.ticket, namespace)
            result = await turns.run(self.ticket, self._call(work, seen), HUNG_AFTER)
            if not isinstance(result, Unsettled):
                return result
            seen, self.ticket = result, None
            if not self.cancelled.is_set():
                await asyncio.sleep(SETTLED)
        return Problem(
            reason=Reason.BentoChanged,
            message=f"The files of {self.tag} have been changing for {LOOKS * SETTLED:g} s. It is exported when they "
            "stay the same: look what writes to them.",
        )

    def _call(self, work: Work, seen: Unsettled | None) -> Callable[[Beat], Result]:
        """Return the call of one attempt, for a thread."""
        loop = asyncio.get_running_loop()
        attempt = Attempt(
            reference=self.reference, namespace=self.namespace, cancel=self.cancelled, seen=seen
        )

        def call(beat: Beat) -> Result:
            def progress(done: int, total: int, step: Step = "uploaded") -> None:
                beat()
                loop.call_soon_threadsafe(self.report, self, Exporting(done=done, total=total, step=step))

            try:
                return work(replace(attempt, progress=progress))
            finally:
                loop.call_soon_threadsafe(self.returned, self)

        return call
