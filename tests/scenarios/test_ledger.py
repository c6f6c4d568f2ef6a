"""The ledger in the bucket: each failure reaches it, under one name, and a silent bucket holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.scenes import CAUSES, CHECKED, hurried, mode, serve, spoil
from support.world import World

from e2i.controller.edge.jobs import model_jobs

FIRST = {"tag": "churn:2", "env": mode("bad")}


def names(world: World) -> dict[str, str]:
    """The name of the failure in each place where it is shown."""
    status = world.status()
    return {
        "Ready": world.condition().partition("/")[2],
        "Stalled": world.condition("Stalled").partition("/")[2],
        "failedReleases": status["failedReleases"][0]["reason"],
        "history": status["history"][0]["reason"],
        "ledger": world.release_store.records()[-1].reason,
    }


@pytest.mark.parametrize("cause", CAUSES)
async def test_the_failure_of_a_first_release_has_one_name_everywhere(world: World, cause: str) -> None:
    spoil(world, cause)
    world.apply(**FIRST, rollout=hurried(**CHECKED))
    await world.run(passes=200)
    found = names(world)
    assert set(found.values()) == {found["ledger"]}
    await world.run(passes=60)
    assert names(world) == found
    assert found["ledger"] in world.told()


async def test_a_first_release_that_failed_is_not_tried_again_by_a_new_model_of_its_name(
    world: World,
) -> None:
    spoil(world, "CrashLoop")
    world.apply(**FIRST, rollout=hurried())
    await world.run(passes=200)
    reason = world.condition()
    world.delete()
    await world.run(passes=5)
    world.apply(**FIRST, rollout=hurried())
    await world.run(passes=20)
    assert world.condition() == reason
    assert world.failed()[0]["message"]
    assert not world.all("BentoDeployment"), "nothing is tried"


@pytest.fixture
def silence(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A bucket that takes every request and answers none."""
    monkeypatch.setattr(model_jobs, "PATIENCE", 0.0)
    answered = threading.Event()
    world.release_store.before = lambda deed: answered.wait(60) or None  # type: ignore[func-returns-value]
    yield answered
    answered.set()


async def test_a_silent_bucket_stops_no_rollback(world: World, request: pytest.FixtureRequest) -> None:
    good = await serve(world, tag="churn:1", env=mode("A"), rollout=hurried(scaleDownDelaySeconds=300))
    bad = await serve(world, tag="churn:2", env=mode("B"), rollout=hurried(scaleDownDelaySeconds=300))
    request.getfixturevalue("silence")
    for number in range(40):
        world.apply(f"new-{number}", "other:1")
    world.yatai.crashing.add("B")
    await world.run(passes=60)
    assert (world.address(), bad != good) == (good, True)
    assert world.condition("RolledBack") == "True/CrashLoop"
    assert threading.active_count() < 40
