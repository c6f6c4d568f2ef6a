"""Runs guards in the background: each reads the metrics of one model's release after the switch, and judges it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from e2i import clock
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import StartGuard
from e2i.controller.core.guard.limits import GuardLimits, judge, parse_limits, unclear
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.guard.samples import Tally, follow
from e2i.controller.edge.cancelling import cancel_all
from e2i.controller.edge.metrics_client import Reading, read_release
from e2i.controller.edge.model_children import ModelChildren
from e2i.controller.edge.work_queue import Key

PERIOD = 1.0
"""Seconds between two readings of the metrics."""
SILENCE = 10
"""Readings without any sample after which the model says that nothing is judged."""
Sight = Literal["unknown", "clear"] | Problem

logger = logging.getLogger("e2i")


@dataclass
class _Job:
    trial: str
    task: asyncio.Task[None]
    problem: Problem | None = None
    sight: Sight = "unknown"


class GuardJobs:
    """The guards of one operator; belongs to the event loop."""

    def __init__(self, children: ModelChildren, wake: Callable[[Key], None], network: PodNetwork) -> None:
        self._children = children
        self._wake = wake
        self._network = network
        self._jobs: dict[Key, _Job] = {}

    def is_guarding(self, key: Key, trial: str) -> bool:
        """Return whether the trial has a guard: one that is running, or one that found a problem."""
        job = self._jobs.get(key)
        return job is not None and job.trial == trial

    def problem(self, key: Key, trial: str) -> Problem | None:
        """Return the problem that the trial's guard found, if any."""
        return self._jobs[key].problem if self.is_guarding(key, trial) else None

    def sight(self, key: Key, trial: str) -> Sight:
        """Return whether the trial's guard can judge what it reads, or the problem that keeps it from it."""
        return self._jobs[key].sight if self.is_guarding(key, trial) else "unknown"

    def start(self, model: Model, action: StartGuard) -> None:
        """Guard the release from now on; what its pods counted before is not judged."""
        self.cancel(model.key)
        task = asyncio.create_task(self._run(model, action), name=f"guard {model.name}")
        self._jobs[model.key] = _Job(action.trial, task)

    def cancel(self, key: Key) -> None:
        """Cancel the model's guard and forget what it found."""
        if job := self._jobs.pop(key, None):
            job.task.cancel()

    async def close(self) -> None:
        """Cancel all guards."""
        await cancel_all(job.task for job in self._jobs.values())

    async def _run(self, model: Model, action: StartGuard) -> None:
        problem = None
        try:
            problem = await self._read_until(model, action)
        except Exception:
            # A bug must not look like a healthy release: the next pass starts the guard again.
            logger.exception("%s/%s: the watch of release %s broke off", *model.key, action.release)
            await asyncio.sleep(PERIOD)
        if self.is_guarding(model.key, action.trial):
            self._jobs[model.key].problem = problem
            if problem is None:
                del self._jobs[model.key]
        self._wake(model.key)

    async def _read_until(self, model: Model, action: StartGuard) -> Problem | None:
        """Read and judge the metrics until the end of the watch; return the first problem, which is final."""
        limits = parse_limits(model.rollout.watch or {})
        tally: Tally | None = None
        silent = 0
        while clock.now() < action.until:
            addresses = self._children.release_addresses(model.key, action.release)
            pods = [self._network.reach(address) for address in addresses]
            reading = await read_release(pods, action.service, path_prefix=action.path_prefix)
            if reading.samples:
                silent, tally = 0, follow(tally, reading.samples)
                if problem := judge(limits, tally.total):
                    return problem
                self._note_sight(model, action, _clearness(limits, tally))
            else:
                silent += 1
                if silent == SILENCE:
                    self._note_sight(model, action, _blindness(action, reading))
            await asyncio.sleep(PERIOD)
        return None

    def _note_sight(self, model: Model, action: StartGuard, sight: Sight) -> None:
        """Wake the model if the sight changed. Buckets that were too coarse once stay so: the message names them."""
        if not self.is_guarding(model.key, action.trial):
            return
        job = self._jobs[model.key]
        stays = isinstance(job.sight, Problem) and job.sight.reason is Reason.LatencyUnclear
        if job.sight == sight or (stays and not _is_blind(sight)):
            return
        job.sight = sight
        self._wake(model.key)


def _clearness(limits: GuardLimits, tally: Tally) -> Sight:
    return unclear(limits, tally.total) or "clear"


def _is_blind(sight: Sight) -> bool:
    return isinstance(sight, Problem) and sight.reason is Reason.MetricsUnreadable


def _blindness(action: StartGuard, reading: Reading) -> Problem:
    """Return that nothing is judged, with what the first of the pods did."""
    clause = next(iter(reading.unreadable.values()), "could not be read: no pod of it has an address")
    return Problem(
        reason=Reason.MetricsUnreadable,
        message=f"spec.rollout.watch judges nothing: the metrics of release {action.release} "
        f"(GET {action.path_prefix}/metrics on port 3000) {clause}. Let the service show "
        "bentoml_service_request_total there without a password, under BentoML's own names, and let no NetworkPolicy "
        "block the operator",
    )
