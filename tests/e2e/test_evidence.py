"""What really crashing and really failing pods leave behind, and what pods say of the requests they answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from support.cluster import TestCluster
from support.e2e import address, create, place, ready
from support.stage import Stage

from e2i.api.naming import MODEL_LABEL
from e2i.controller.core.evidence.failure_evidence import Evidence
from e2i.controller.core.guard.limits import GuardLimits, judge
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.guard.samples import Sample, follow
from e2i.controller.edge.metrics_client import read_release
from e2i.controller.edge.pod_evidence import collect
from e2i.kube import Object
from e2i.kube.e2i_kinds import PODS
from e2i.local.demo_traffic import new_session

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        await create(stage, "ending", mood="ends at once")
        await create(stage, "failing", mood="errors: 0.5")
        yield stage


async def test_a_pod_that_crashes_leaves_its_exit_code_and_its_last_words(stage: Stage) -> None:
    async def look() -> Evidence | None:
        found = await collect(await pods(stage, "ending"), ("start today",), stage.kube)
        return found if found.exit_code else None

    found: Evidence = await stage.until(look, "a pod that has ended", 180)
    (pod, *_) = await pods(stage, "ending")
    assert (found.pod, found.container, found.terminated_reason) == (pod["metadata"]["name"], "main", "Error")
    # The end of a traceback; the words that the test calls a secret are hidden.
    assert found.log.splitlines()[-1].endswith("RuntimeError: moody does not want to ***")
    assert 1 < len(found.log.splitlines()) <= 20


async def test_of_a_pod_that_was_started_again_the_run_before_is_told(stage: Stage) -> None:
    async def again() -> bool:
        return any(
            status["restartCount"] > 0 for pod in await pods(stage, "ending") for status in containers(pod)
        )

    await stage.until(again, "a second start", 180)
    found = await collect(await pods(stage, "ending"), (), stage.kube)
    assert "moody does not want to start today" in found.log


async def test_pods_tell_how_many_requests_failed_since_the_first_look(stage: Stage) -> None:
    await ready(stage, "failing")
    watch = GuardLimits(seconds=60, max_error_ratio=0.2, max_latency_p99=10)
    assert await ask(stage, "failing", 10) == 5
    tally = follow(None, await reading(stage, "failing"))
    assert tally.total.requests == 0
    assert judge(watch, tally.total) is None
    failed = await ask(stage, "failing", 30)
    tally = follow(tally, await reading(stage, "failing"))
    assert (tally.total.requests, tally.total.errors) == (30, failed)
    problem = judge(watch, tally.total)
    assert problem
    print(problem.message)  # noqa: T201
    assert "15 of 30 requests" in problem.message


async def test_a_pod_that_fails_leaves_the_traceback_although_it_is_ready(stage: Stage) -> None:
    await ready(stage, "failing")
    assert await ask(stage, "failing", 2) == 1
    found = await collect(await pods(stage, "failing"), (), stage.kube)
    assert (found.exit_code, found.terminated_reason) == (None, "")
    assert "moody fails at request" in found.log


async def pods(stage: Stage, model: str) -> list[Object]:
    found, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{MODEL_LABEL}={model}")
    return found


def containers(pod: Object) -> list[Object]:
    found: list[Object] = pod["status"].get("containerStatuses", [])
    return found


async def reading(stage: Stage, model: str) -> Mapping[str, Sample]:
    """What the pods say now, as the operator reads it."""
    addresses = stage.home.addresses
    network = PodNetwork.parse(f"{addresses.pod_range}={addresses.on_machine(addresses.pod_range)}")
    asked = [network.reach(pod["status"]["podIP"]) for pod in await pods(stage, model)]
    # The name of the entry service of tests/e2e/moody.
    samples = (await read_release(asked, "moody")).samples
    assert samples
    assert len(samples) == len(asked) == 1
    return samples


async def ask(stage: Stage, model: str, times: int) -> int:
    """Ask the model so many times; how often it failed."""
    url, failed = f"{await address(stage, model)}/predict", 0
    async with new_session() as session:
        for _ in range(times):
            async with session.post(url, json={"text": "hello"}) as answer:
                failed += answer.status == 500
    return failed
