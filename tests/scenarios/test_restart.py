"""A restart: a new release of the same spec, whose pods read their Secrets anew. Never half old and half new."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import heal, hurried, mode, quiet, serve, spoil
from support.world import NAMESPACE, World

from e2i.api import naming

CHECKED = hurried(verify=[{"path": "/predict"}])


def pods(world: World) -> set[str]:
    return {pod["metadata"]["uid"] for pod in world.all("Pod")}


def restarts(world: World) -> list[str | None]:
    """The restart of each entry of the history, the newest first."""
    return [entry.get("restartAt") for entry in world.status()["history"]]


async def test_all_pods_are_new_and_take_over_at_one_moment(world: World) -> None:
    first = await serve(world, replicas=2, rollout=CHECKED)
    before = pods(world)
    world.annotate(restart_at="1")
    seen = set()
    for _ in range(60):
        await world.run(passes=1)
        seen.add(tuple(world.takes_in()))
    second = world.address()
    assert seen == {(first,), (second,)}, "no request could meet pods of both"
    assert second != first
    assert not before & pods(world)
    assert world.condition() == "True/Ready"
    assert (world.status()["observedRestartAt"], restarts(world)) == ("1", ["1", None])
    assert world.exports_begun == ["churn:1"], "the image is there"
    await quiet(world)


async def test_the_same_value_again_is_no_restart_and_another_is(world: World) -> None:
    await serve(world)
    world.annotate(restart_at="1")
    await world.run(passes=60)
    second = world.address()
    world.annotate(restart_at="1")
    await world.run(passes=60)
    assert world.address() == second
    world.annotate(restart_at="2")
    await world.run(passes=60)
    assert world.address() != second
    assert restarts(world) == ["2", "1", None]


async def test_a_restart_that_fails_leaves_the_pods_that_serve_alone(world: World) -> None:
    first = await serve(world, env=mode("bad"), rollout=CHECKED)
    before = pods(world)
    spoil(world, "PredictionNotFinite")
    world.annotate(restart_at="1")
    await world.run(passes=60)
    assert world.condition() == "False/PredictionNotFinite"
    assert world.address() == first
    assert before <= pods(world)
    heal(world)
    world.annotate(restart_at="2")
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    assert world.address() != first


@pytest.mark.parametrize("moment", range(14))
async def test_an_operator_that_ends_at_any_moment_leads_to_the_same_release(
    world: World, moment: int
) -> None:
    first = await serve(world, rollout=CHECKED)
    world.annotate(restart_at="1")
    await world.run(passes=moment)
    await world.restart()
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    assert [result for _, result in world.history()] == ["Serving", "Superseded"]
    assert world.history()[1][0] == first
    await quiet(world)


async def test_in_place_the_pods_are_replaced_under_the_same_name(world: World) -> None:
    first = await serve(world, rollout=hurried(strategy="InPlace"))
    before = pods(world)
    world.annotate(restart_at="1")
    await world.run(passes=60)
    assert (world.condition(), len(world.all("BentoDeployment"))) == ("True/Ready", 1)
    assert world.address() != first
    assert not before & pods(world)
    assert restarts(world) == ["1", None]


async def test_the_way_back_leads_to_a_restarted_release_also_from_the_bucket(world: World) -> None:
    """As for every release: what it was made of stands in its record."""
    await serve(world, rollout=hurried())
    world.annotate(restart_at="1")
    await world.run(passes=60)
    good = world.address()
    await world.rebuild()
    spoil(world, "CrashLoop")
    world.apply(tag="churn:2", env=mode("bad"), rollout=hurried())
    await world.run(passes=200)
    assert world.condition() == "False/CrashLoop"
    assert world.address() == good
    child: Any = world.kube.objects["BentoDeployment", NAMESPACE, naming.release_name("churn", good or "")]
    assert child["metadata"]["annotations"]["serving.e2i.dev/restart-at"] == "1"


async def test_a_suspended_model_restarts_when_it_goes_on(world: World) -> None:
    first = await serve(world)
    world.apply(suspend=True)
    world.annotate(restart_at="1")
    await world.run(passes=30)
    assert world.address() == first
    assert await serve(world) != first
