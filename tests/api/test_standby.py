"""Two and three operators on a real API server: one is active, another takes over, and nothing is done twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.crashdoors import api_server, name_of_write
from support.crashproxy import CrashProxy
from support.crashstate import Changes
from support.operating import Operator, installed
from support.stage import Stage, staging
from support.warmoperator import WarmOperator
from support.yatai import controllers

from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, LEASES, SERVICES
from e2i.local.images import ImageStore
from e2i.local.yatai.yatai_kinds import BENTO, JOB

pytestmark = pytest.mark.api

LEASE = 3
"""Seconds."""
TAKEN_WITHIN = LEASE + 1
"""Seconds of a Lease, one look, and a little of a busy machine."""
ONCE = (BENTO_REQUESTS, BENTO, BENTO_DEPLOYMENTS)
FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"


@dataclass
class Member:
    """An operator with a proxy of its own before the API server, which counts its writes."""

    operator: Operator
    proxy: CrashProxy


class Crew:
    """Operators of one cluster with one Lease."""

    def __init__(self, stage: Stage, folder: Path, store: Path, stack: contextlib.AsyncExitStack) -> None:
        self.stage = stage
        self.members: list[Member] = []
        self._folder = folder
        self._store = store
        self._stack = stack

    async def join(self) -> Member:
        """Start one more operator; return when it is ready, as the active one or as a standby."""
        proxy = CrashProxy(
            api_server(self.stage.home, self.stage.namespace), name_of_write, _nobody_is_killed
        )
        await self._stack.enter_async_context(proxy.running())
        operator = WarmOperator(
            self.stage.home,
            self._folder,
            self._store,
            KUBERNETES_SERVICE_PORT=str(proxy.port),
            E2I_LEASE_NAME=self.stage.namespace,
            E2I_LEASE_SECONDS=str(LEASE),
            E2I_BUCKET_PREFIX=self.stage.namespace,
        )
        operator.start()
        self._stack.callback(lambda: operator.is_running and operator.stop(signal.SIGKILL))
        member = Member(operator, proxy)
        self.members.append(member)

        async def is_ready() -> bool:
            return await _in_thread(lambda: operator.probe("/readyz")) == 200

        await self.stage.until(is_ready, "the operator to be ready")
        return member

    async def ended(self, member: Member) -> int:
        """Its exit code. Meanwhile its proxy goes on."""
        return await asyncio.to_thread(member.operator.wait)

    async def active(self) -> Member | None:
        """The one that holds the Lease."""
        lease = await self.stage.kube.get(LEASES, "e2i-system", self.stage.namespace)
        holder = (lease or {}).get("spec", {}).get("holderIdentity", "").rpartition("_")[0]
        return next((each for each in self.members if each.operator.pod_uid == holder), None)

    async def taken_over(self, before: Member) -> float:
        """Wait until another one is active; the seconds that it took."""
        begun = time.monotonic()

        async def look() -> bool:
            return await self.active() not in (None, before)

        await self.stage.until(look, "another operator to be active")
        return time.monotonic() - begun


async def _nobody_is_killed() -> None:
    raise AssertionError("no strike was armed")


async def _in_thread(ask: Callable[[], int | None]) -> int | None:
    return await asyncio.to_thread(ask)


@pytest.fixture
async def crew(control_plane: TestCluster, store: Path, tmp_path: Path) -> AsyncIterator[Crew]:
    """No operator runs yet. At the end nothing was created or built twice, whatever became of the operators."""
    installed(control_plane, "reads the audit log of a cluster of its own")
    async with (
        staging(control_plane) as stage,
        controllers(control_plane, ImageStore(tmp_path / "images")),
        contextlib.AsyncExitStack() as stack,
    ):
        changes = stack.enter_context(contextlib.closing(Changes(control_plane.home)))
        yield Crew(stage, tmp_path, store, stack)
        counts = changes.counts(stage.namespace)
        names = {kind.plural for kind in (*ONCE, SERVICES)}
        assert {what: n for what, n in counts.items() if what[1] in names and n > 1} == {}
        requests = [what for what in counts if what[:2] == ("create", BENTO_REQUESTS.plural)]
        assert requests
        assert counts["create", JOB.plural, ""] <= len(requests)


async def test_one_operates_and_another_takes_over_from_it(crew: Crew) -> None:
    stage = crew.stage
    first, second = await crew.join(), await crew.join()
    assert await crew.active() is first
    await stage.create("churn", rollout={"scaleDownDelaySeconds": 0})
    await stage.reason("BuildBlocked")

    # Frozen in the middle of a build. While it is, there is much for it to do.
    first.operator.send(signal.SIGSTOP)
    assert await crew.taken_over(first) < TAKEN_WITHIN
    await stage.create("other")
    await stage.ready()
    await stage.change(bento={"tag": SECOND})
    written = list(first.proxy.calls)
    first.operator.send(signal.SIGCONT)
    assert await crew.ended(first) == 1
    assert first.proxy.calls == written, "it wrote nothing when it went on"
    assert "the operator ends: the Lease is held by" in first.operator.log.read_text()
    assert second.operator.is_running

    # Killed for good.
    third = await crew.join()
    second.operator.stop(signal.SIGKILL)
    assert await crew.taken_over(second) < TAKEN_WITHIN
    await stage.ready()

    # Stopped in order.
    await crew.join()
    third.operator.send(signal.SIGTERM)
    assert await crew.taken_over(third) < TAKEN_WITHIN
    assert await crew.ended(third) == 0
    await stage.change("other", bento={"tag": SECOND})
    await stage.ready()
    assert all("Traceback" not in each.operator.log.read_text() for each in crew.members)


async def test_a_container_that_starts_again_in_its_pod_is_active_at_once(crew: Crew) -> None:
    member = await crew.join()
    await crew.stage.create()
    await crew.stage.reason("BuildBlocked")
    member.operator.stop(signal.SIGKILL)
    member.operator.start()
    begun = time.monotonic()
    await crew.stage.create("other", "churn:9")
    await crew.stage.reason("BentoNotFound", "other")
    told = [line["message"] for line in member.operator.said() if "is active" in line["message"]]
    assert len(told) == 2
    assert not any("standby" in line for line in told)
    assert time.monotonic() - begun < 60


@pytest.mark.deep
async def test_three_operators_under_load_whatever_becomes_of_the_active_one(crew: Crew) -> None:
    stage, chance = crew.stage, random.Random(20261129)  # noqa: S311 - not a secret
    for _ in range(3):
        await crew.join()
    frozen: list[Member] = []
    for turn in range(9):
        names = [f"model-{turn}-{number}" for number in range(5)]
        for name in names:
            await stage.create(name, chance.choice((FIRST, SECOND)), rollout={"scaleDownDelaySeconds": 0})
        active = await crew.active()
        assert active
        deed = chance.choice(DEEDS)
        await deed(crew, active, frozen)
        for name in chance.sample(names, 2):
            await stage.change(name, bento={"tag": SECOND})
        await stage.ready(patience=600)
        for member in frozen:
            written = list(member.proxy.calls)
            member.operator.send(signal.SIGCONT)
            assert await crew.ended(member) == 1
            assert member.proxy.calls == written
        frozen.clear()
        await crew.join()


async def _kill(crew: Crew, active: Member, frozen: list[Member]) -> None:
    active.operator.stop(signal.SIGKILL)
    await crew.taken_over(active)


async def _stop(crew: Crew, active: Member, frozen: list[Member]) -> None:
    active.operator.send(signal.SIGTERM)
    await crew.taken_over(active)
    assert await crew.ended(active) == 0


async def _freeze(crew: Crew, active: Member, frozen: list[Member]) -> None:
    active.operator.send(signal.SIGSTOP)
    frozen.append(active)
    await crew.taken_over(active)


DEEDS: tuple[Callable[[Crew, Member, list[Member]], Awaitable[None]], ...] = (_kill, _stop, _freeze)
