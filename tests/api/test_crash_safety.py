"""The operator killed before and after each of its writes, or left without the reply, ends where it always ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.crashlab import Lab, Lane, Phase, laboratory
from support.stores import a_bento

from e2i.edge.kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, SERVICES

pytestmark = pytest.mark.api

FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"


@pytest.fixture
async def lab(control_plane: TestCluster, tmp_path: Path) -> AsyncIterator[Lab]:
    store = tmp_path / "store"
    a_bento(store, FIRST)
    a_bento(store, SECOND, labels={"second": "yes"})
    async with laboratory(control_plane, tmp_path, store, "api") as ready:
        yield ready


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


LIVES = {
    "BlueGreen": (
        Phase("create", create),
        Phase("new release", release_the_second),
        Phase("scaling", ask_for_two_pods),
        Phase("deletion", delete),
    ),
}


@pytest.mark.parametrize("life", LIVES)
async def test_wherever_it_is_struck_it_comes_to_the_same_end(
    lab: Lab, life: str, say: Callable[[str], None]
) -> None:
    findings = await lab.study(LIVES[life])
    say(f"crash safety of {life}: {findings}")
    assert not findings.failures, findings.failures
