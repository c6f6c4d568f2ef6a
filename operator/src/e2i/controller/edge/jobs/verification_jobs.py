"""Runs verifications in the background, one for each model; a pass starts one and reads its result.

A result is kept until the model's trial changes. After a restart the release is asked again: that costs a few
requests to a release without traffic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.observed import Finding, VerificationState
from e2i.controller.core.verification import checks
from e2i.controller.edge.prediction_client import verify
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Kube
from e2i.kube.e2i_kinds import SERVICES

PATIENCE = 1.0
"""Seconds that a pass waits for a verification it started: most take less."""

WAITS = (0.0, 0.5, 2.0)
"""Seconds before each look for the address of a release: its Service may be younger than its pods."""

logger = logging.getLogger("e2i")


@dataclass
class _Job:
    trial: str
    task: asyncio.Task[Finding | None]


class VerificationJobs:
    """The verifications of one operator; belongs to the event loop."""

    def __init__(self, kube: Kube, wake: Callable[[Key], None]) -> None:
        self._kube = kube
        self._wake = wake
        self._jobs: dict[Key, _Job] = {}

    def state(self, key: Key, trial: str) -> VerificationState | Finding | None:
        """Return RUNNING, PASSED or the finding of the trial's verification, None if there is none."""
        job = self._jobs.get(key)
        if job is None or job.trial != trial or job.task.cancelled():
            return None
        if not job.task.done():
            return VerificationState.RUNNING
        return job.task.result() or VerificationState.PASSED

    async def start(self, model: Model, name: str, trial: str) -> None:
        """Verify the release of the BentoDeployment `name`; the verification of an earlier trial is cancelled."""
        self.cancel(model.key)
        task = asyncio.create_task(self._run(model, name), name=f"verify {name}")
        self._jobs[model.key] = _Job(trial, task)
        task.add_done_callback(lambda _: self._wake(model.key))
        await asyncio.wait([task], timeout=PATIENCE)

    def cancel(self, key: Key) -> None:
        """Cancel the model's verification and forget its result."""
        if job := self._jobs.pop(key, None):
            job.task.cancel()

    async def close(self) -> None:
        """Cancel all verifications."""
        tasks = [job.task for job in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, model: Model, name: str) -> Finding | None:
        try:
            return await self._verify(model, name)
        except ApiError as error:
            # The release is not to blame if the API server cannot be asked: the next pass asks again.
            logger.warning("%s/%s: %s could not be verified: %s", *model.key, name, error)
            self._forget_this_job(model.key)
            return None
        except Exception as error:
            # A bug must neither count as a pass nor stop the passes of the model.
            logger.exception("%s/%s: the verification of %s broke off", *model.key, name)
            message = f"the verification of {name} broke off: {type(error).__name__}; see the operator's log"
            return Finding(Problem(reason=Reason.VerificationError, message=message, stalled=True), http="")

    def _forget_this_job(self, key: Key) -> None:
        job = self._jobs.get(key)
        if job and job.task is asyncio.current_task():
            del self._jobs[key]

    async def _verify(self, model: Model, name: str) -> Finding | None:
        """Return the first check that fails, None if all pass; ApiError if the Service cannot be read."""
        # In a thread: the largest spec takes some time.
        verification = await asyncio.to_thread(checks.parse_verification, model.rollout.checks)
        for wait in WAITS:
            await asyncio.sleep(wait)
            # Yatai gives the Service the name of its BentoDeployment. Its clusterIP needs no DNS.
            service = await self._kube.get(SERVICES, model.namespace, name)
            address = (service or {}).get("spec", {}).get("clusterIP", "")
            if address and address != "None":
                host = f"[{address}]" if ":" in address else address
                url = f"http://{host}:{naming.SERVICE_PORT}"
                return await verify(url, verification, model.shape.type, model.shape.secrets)
        message = f"Service {name}, which Yatai makes for the release, has no address; look for it in {model.namespace}"
        return Finding(Problem(reason=Reason.VerificationError, message=message, stalled=True), http="")
