"""GuardJobs after the switch: one for each model whose release is being judged by its own metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from e2i import clock
from e2i.api import naming
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.guard.limits import Tally, follow, judge, parse_watch
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.edge.metrics_client import read_release
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Kube
from e2i.kube.e2i_kinds import PODS

PERIOD = 1.0
"""Seconds between two readings."""
LOOK_FOR_PODS = 5
"""Readings between two looks at which pods there are."""

SILENCE = 10
"""Readings without any answer after which somebody has to know that nothing is judged."""

logger = logging.getLogger("e2i")


@dataclass
class _Job:
    trial: str
    task: asyncio.Task[None]
    trouble: Problem | None = None


class GuardJobs:
    """The watches of one operator; belongs to the event loop."""

    def __init__(self, kube: Kube, wake: Callable[[Key], None], network: PodNetwork) -> None:
        self._kube = kube
        self._wake = wake
        self._network = network
        self._jobs: dict[Key, _Job] = {}

    def is_watching(self, key: Key, trial: str) -> bool:
        job = self._jobs.get(key)
        return job is not None and job.trial == trial

    def trouble(self, key: Key, trial: str) -> Problem | None:
        return self._jobs[key].trouble if self.is_watching(key, trial) else None

    def start(self, model: Model, release: str, trial: str, until: datetime) -> None:
        """Read the release's metrics from now on; what it answered before does not count."""
        self.forget(model.key)
        task = asyncio.create_task(self._watch(model, release, trial, until), name=f"watch {model.name}")
        self._jobs[model.key] = _Job(trial, task)

    def forget(self, key: Key) -> None:
        if job := self._jobs.pop(key, None):
            job.task.cancel()

    async def close(self) -> None:
        tasks = [job.task for job in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, model: Model, release: str, trial: str, until: datetime) -> None:
        trouble = None
        try:
            trouble = await self._read_until(model, release, until)
        except Exception:
            # A bug of ours must not look like a healthy release: the next pass begins the watch again.
            logger.exception("%s/%s: the watch of release %s broke off", *model.key, release)
            await asyncio.sleep(PERIOD)
        if self.is_watching(model.key, trial):
            self._jobs[model.key].trouble = trouble
            if trouble is None:
                del self._jobs[model.key]
        self._wake(model.key)

    async def _read_until(self, model: Model, release: str, until: datetime) -> Problem | None:
        """The first trouble ends it; it does not go away."""
        limits = parse_watch(model.rollout.watch or {})
        tally: Tally | None = None
        readings, silent, addresses = 0, 0, list[str]()
        while clock.now() < until:
            if readings % LOOK_FOR_PODS == 0:
                addresses = await self._addresses(model, release) or addresses
            readings += 1
            reading = await read_release(addresses)
            if reading:
                silent, tally = 0, follow(tally, reading)
                if trouble := judge(limits, tally.total):
                    return trouble
            else:
                silent += 1
                if silent == SILENCE:
                    _tell_silence(model, release)
            await asyncio.sleep(PERIOD)
        return None

    async def _addresses(self, model: Model, release: str) -> list[str]:
        """Of the pods that run; empty when they cannot be listed."""
        selector = naming.label_selector(naming.pod_labels(model.name, release))
        try:
            pods, _ = await self._kube.list(PODS, model.namespace, labels=selector)
        except ApiError:
            return []
        found = [pod["status"].get("podIP", "") for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return [self._network.reach(address) for address in found if address]


def _tell_silence(model: Model, release: str) -> None:
    logger.warning(
        "%s/%s: no pod of release %s answers GET /metrics on port 3000, so spec.rollout.watch judges nothing; "
        "see whether a NetworkPolicy keeps the operator out, and whether the service has its metrics switched off",
        *model.key,
        release,
        extra={"model": "/".join(model.key)},
    )
