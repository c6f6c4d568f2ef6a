"""The operator killed before and after each of its writes, or left without the reply, ends where it always ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.crashlab import Lab, Lane, Scenario
from support.operating import install
from support.stores import a_bento
from support.warmoperator import WarmOperator
from support.yatai import controllers, until_sockets_are_closed

from e2i.edge.kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, SERVICES
from e2i.local.images import ImageStore

pytestmark = pytest.mark.api

FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"


@pytest.fixture
async def lab(control_plane: TestCluster, tmp_path: Path) -> AsyncIterator[Lab]:
    if control_plane.home is None:
        pytest.skip("reads the audit log of a cluster of its own")
    install(control_plane.home)
    store = tmp_path / "store"
    a_bento(store, FIRST)
    a_bento(store, SECOND, labels={"second": "yes"})
    operator = WarmOperator(control_plane.home, tmp_path, store)
    async with controllers(control_plane, ImageStore(tmp_path / "images")):
        yield Lab(control_plane, operator, tmp_path, "api")
    await until_sockets_are_closed()


async def nothing(lane: Lane) -> None:
    """There is nothing to prepare."""


async def create(lane: Lane) -> None:
    await lane.stage.create(tag=FIRST, rollout={"scaleDownDelaySeconds": 0})
    await lane.stage.ready("churn")


async def release_the_second(lane: Lane) -> None:
    stage = lane.stage
    await stage.change(bento={"tag": SECOND})
    await stage.ready("churn")

    async def only_the_second() -> bool:
        return len(await stage.children(BENTO_DEPLOYMENTS)) == 1

    await stage.until(only_the_second, "the first release to go")


async def ask_for_two_pods(lane: Lane) -> None:
    await lane.stage.change(replicas=2)
    await lane.stage.ready("churn")


async def delete(lane: Lane) -> None:
    stage = lane.stage
    await stage.kube.delete(E2I_MODELS, stage.namespace, "churn")

    async def all_gone() -> bool:
        return not any([await stage.children(kind) for kind in (BENTO_REQUESTS, BENTO_DEPLOYMENTS, SERVICES)])

    await stage.until(all_gone, "the children to go")


SCENARIOS = (
    Scenario("create", create, nothing),
    Scenario("new release", release_the_second, create),
    Scenario("scaling", ask_for_two_pods, create),
    Scenario("deletion", delete, create),
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_wherever_it_is_struck_it_comes_to_the_same_end(
    lab: Lab, scenario: Scenario, say: Callable[[str], None]
) -> None:
    report = await lab.study(scenario)
    say(f"crash safety, {report}")
    assert not report.failures, "\n\n".join(report.failures)
