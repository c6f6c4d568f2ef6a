"""What the API server told about one model and its Service, and when it came here.

The operator's own timestamps are whole seconds; a rollback takes less.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from support.stage import Stage

from e2i.api import naming
from e2i.kube import Change, Object, Resource, Snapshot
from e2i.kube.e2i_kinds import E2I_MODELS, SERVICES

States = list[tuple[float, Object]]
"""Every state of one object with its time, in seconds of the monotonic clock."""


@dataclass
class Timeline:
    """The states of a model and of its Service. Pure."""

    models: States = field(default_factory=list)
    services: States = field(default_factory=list)

    def quarantined(self, release: str) -> float | None:
        """When the status first named the release as failed: the operator had decided, and written it down."""
        for at, model in self.models:
            if release in [entry["release"] for entry in model.get("status", {}).get("failedReleases", ())]:
                return at
        return None

    def moved(self, release: str, since: float = 0.0) -> float | None:
        """When the address first named this release and no other, at or after `since`."""
        found = (at for at, service in self.services if at >= since and selected(service) == release)
        return next(found, None)

    def left(self, release: str) -> float | None:
        """When the address first named another release, or others too, after it had named this one alone."""
        since = self.moved(release)
        found = (
            at for at, service in self.services if since and at >= since and selected(service) != release
        )
        return next(found, None)

    def weights(self) -> list[tuple[float, float, float]]:
        """The spans of a canary: from, until, and status.rollout.actualWeight in percent meanwhile."""
        spans = [
            (at, until, float(model["status"]["rollout"]["actualWeight"]))
            for (at, model), (until, _) in itertools.pairwise(self.models)
            if model.get("status", {}).get("rollout", {}).get("actualWeight") is not None
        ]
        merged: list[tuple[float, float, float]] = []
        for at, until, weight in spans:
            if merged and merged[-1][1:] == (at, weight):
                merged[-1] = (merged[-1][0], until, weight)
            else:
                merged.append((at, until, weight))
        return merged


def selected(service: Object) -> str | None:
    """The one release that the Service selects; None while it selects all of the model's."""
    release: str | None = service["spec"]["selector"].get(naming.RELEASE_LABEL)
    return release


@contextlib.asynccontextmanager
async def watching(stage: Stage, name: str) -> AsyncIterator[Timeline]:
    """Watch while the block lasts."""
    timeline = Timeline()
    async with asyncio.TaskGroup() as watchers:
        tasks = [
            watchers.create_task(_follow(stage, E2I_MODELS, name, timeline.models)),
            watchers.create_task(_follow(stage, SERVICES, name, timeline.services)),
        ]
        try:
            yield timeline
        finally:
            for task in tasks:
                task.cancel()


async def _follow(stage: Stage, kind: Resource, name: str, states: States) -> None:
    async for news in stage.kube.watch(kind, stage.namespace, fields=f"metadata.name={name}"):
        now = time.monotonic()
        match news:
            case Snapshot(objects=objects):
                states += [(now, each) for each in objects]
            case Change(object=each):
                states.append((now, each))
