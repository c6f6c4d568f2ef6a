"""Runs verifications in the background, one for each model; a pass starts one and reads its result.

A result is kept until the model's trial changes. After a restart the release is asked again: that costs a few
requests to a release without traffic.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import Verify
from e2i.controller.core.observed import VerificationState
from e2i.controller.edge.cancelling import cancel_all
from e2i.controller.edge.golden_predictions import ask
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Kube

PATIENCE = 1.0
"""Seconds that a pass waits for a verification it started: most take less."""

RETRY = 10.0
"""Seconds after which a verification that was held up is tried again."""

logger = logging.getLogger("e2i")


@dataclass
class _Job:
    trial: str
    task: asyncio.Task[Problem | None]
    before: Problem | None = None
    """What held up the try before this one, so that the status does not flap while it is tried again."""
    ended: float = math.inf


class VerificationJobs:
    """The verifications of one operator; belongs to the event loop."""

    def __init__(
        self,
        kube: Kube,
        wake: Callable[[Key], None],
        secrets: tuple[str, ...] = (),
        ended: Callable[[Problem | None], None] = lambda _: None,
    ) -> None:
        """`secrets`: the operator's own keys, which no message may contain. `ended` gets each result."""
        self._kube = kube
        self._wake = wake
        self._secrets = secrets
        self._ended = ended
        self._jobs: dict[Key, _Job] = {}

    def state(self, key: Key, trial: str) -> VerificationState | Problem | None:
        """Return RUNNING, PASSED or the problem of the trial's verification, None if there is none.

        One that is not final holds it up; after RETRY it is None, so that the next pass tries again.
        """
        job = self._jobs.get(key)
        if job is None or job.trial != trial or job.task.cancelled():
            return None
        if not job.task.done():
            return job.before or VerificationState.RUNNING
        result = job.task.result()
        if _holds_up(result) and asyncio.get_running_loop().time() - job.ended >= RETRY:
            return None
        return result or VerificationState.PASSED

    async def start(self, model: Model, action: Verify) -> None:
        """Verify the release of a BentoDeployment; the verification of an earlier trial is cancelled."""
        before = self._held_up(model.key, action.trial)
        self.cancel(model.key)
        task = asyncio.create_task(self._run(model, action), name=f"verify {action.name}")
        job = self._jobs[model.key] = _Job(action.trial, task, before)
        loop = asyncio.get_running_loop()

        def end(_: object) -> None:
            job.ended = loop.time()
            self._wake(model.key)

        task.add_done_callback(end)
        await asyncio.wait([task], timeout=PATIENCE)

    def _held_up(self, key: Key, trial: str) -> Problem | None:
        job = self._jobs.get(key)
        if job is None or job.trial != trial or not job.task.done() or job.task.cancelled():
            return None
        result = job.task.result()
        return result if _holds_up(result) else None

    def cancel(self, key: Key) -> None:
        """Cancel the model's verification and forget its result."""
        if job := self._jobs.pop(key, None):
            job.task.cancel()

    async def close(self) -> None:
        """Cancel all verifications."""
        await cancel_all(job.task for job in self._jobs.values())

    async def _run(self, model: Model, action: Verify) -> Problem | None:
        try:
            result = await ask(self._kube, model, action.name, action.owner, self._secrets)
        except ApiError as error:
            # The release is not to blame if the API server cannot be asked: the next pass asks again.
            logger.warning("%s/%s: %s could not be verified: %s", *model.key, action.name, error)
            self._forget_this_job(model.key)
            return None
        except Exception as error:
            # A bug must neither count as a pass nor stop the passes of the model.
            logger.exception("%s/%s: the verification of %s broke off", *model.key, action.name)
            message = (
                f"the verification of {action.name} broke off: {type(error).__name__}; see the operator's log"
            )
            result = Problem(reason=Reason.VerificationError, message=message, stalled=True, final=True)
        self._ended(result)
        return result

    def _forget_this_job(self, key: Key) -> None:
        job = self._jobs.get(key)
        if job and job.task is asyncio.current_task():
            del self._jobs[key]


def _holds_up(result: Problem | None) -> bool:
    return result is not None and not result.final
