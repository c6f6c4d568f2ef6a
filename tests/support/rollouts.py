"""One release of `moody` while requests come: what is sent, watched, waited for and noted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from support.e2e import FIRST, PATIENCE, address, create, ready
from support.load import Tally, load
from support.stage import Stage
from support.timeline import Timeline, selected, watching

from e2i.api import naming
from e2i.kube import Object
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, PODS, SERVICES

REPLICAS = 2
KEPT_FOR = 5
"""Seconds that the previous release stays after a switch."""
SETTLE = 2.0
"""Seconds of load before and after a scenario, so that its edges are counted too."""


@dataclass(frozen=True)
class Share:
    """What a canary has at one of its steps, in percent: as its status says, and as new connections found it."""

    weight: float
    answers: float


@dataclass
class Run:
    """One scenario: the requests of its time, what the cluster told meanwhile, and who served before and after."""

    tally: Tally
    timeline: Timeline
    before: str = ""
    after: str = ""
    changed_at: float = 0.0
    """When the release was asked for."""
    figures: dict[str, float] = field(default_factory=dict)
    """Seconds that are this scenario's own."""
    shares: list[Share] = field(default_factory=list)

    def note(self, what: str, begin: float | None, end: float | None) -> None:
        """Note how long something took, unless one of its edges was not seen; what was over before took no time."""
        if begin is not None and end is not None:
            self.figures[what] = max(0.0, end - begin)


async def with_two_pods(stage: Stage, name: str) -> None:
    """A good model, as all scenarios begin with; made, but not waited for."""
    await create(stage, name, FIRST, replicas=REPLICAS, rollout={"scaleDownDelaySeconds": KEPT_FOR})


async def a_serving_model(stage: Stage, name: str) -> None:
    """The same, Ready."""
    await with_two_pods(stage, name)
    await ready(stage, name)


@contextlib.asynccontextmanager
async def under_load(stage: Stage, name: str, rate: float) -> AsyncIterator[Run]:
    """Requests to the model while the block lasts, and a little before and after it."""
    url = await address(stage, name)
    before = (await stage.model(name))["status"]["servingRelease"]
    async with watching(stage, name) as timeline, load(url, rate) as tally:
        run = Run(tally, timeline, before=before)
        await asyncio.sleep(SETTLE)
        run.changed_at = time.monotonic()
        yield run
        await asyncio.sleep(SETTLE)
    run.after = (await stage.model(name))["status"]["servingRelease"]


async def quarantined(stage: Stage, name: str) -> str:
    """The release that failed, once the status names it and an earlier one has the address."""

    async def look() -> str | None:
        status = (await stage.model(name)).get("status", {})
        failed = [entry["release"] for entry in status.get("failedReleases", ())]
        wanted = status.get("desiredRelease")
        service = await stage.child(SERVICES, name)
        back = service and selected(service) == status.get("servingRelease") != wanted
        return wanted if wanted in failed and back else None

    release: str = await stage.until(look, f"the desired release of {name} in quarantine", PATIENCE)
    return release


async def alone(stage: Stage, name: str) -> None:
    """Wait until nothing runs for the model but the release that serves."""

    async def look() -> bool:
        serving = (await stage.model(name))["status"]["servingRelease"]
        pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.MODEL_LABEL}={name}")
        return {pod["metadata"]["labels"][naming.RELEASE_LABEL] for pod in pods} == {serving}

    await stage.until(look, f"{name} to have pods of one release only", PATIENCE)


async def releases(stage: Stage, name: str) -> list[Object]:
    """The model's BentoDeployments."""
    found, _ = await stage.kube.list(
        BENTO_DEPLOYMENTS, stage.namespace, labels=f"{naming.MODEL_LABEL}={name}"
    )
    return found


async def switched(stage: Stage, name: str, before: str) -> None:
    """Wait until the address has moved away from this release."""

    async def look() -> bool:
        service = await stage.child(SERVICES, name)
        return bool(service and selected(service) != before)

    await stage.until(look, f"the address of {name} to move away from {before}", PATIENCE)
