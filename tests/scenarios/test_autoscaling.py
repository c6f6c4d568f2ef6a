"""Releases under an autoscaler: the next one begins with as many pods as serve, because it has no load to count yet."""

from __future__ import annotations

from typing import Any

from support.scenes import hurried, mode, quiet, serve, until
from support.world import NAMESPACE, World

from e2i.api import naming

SCALER = {"minReplicas": 2, "maxReplicas": 8}


async def under_load(world: World, **spec: Any) -> str:
    """A release whose autoscaler has raised it to six pods."""
    first = await serve(world, env=mode("A"), autoscaling=SCALER, rollout=hurried(), **spec)
    world.yatai.demand[first] = 6
    await world.run(passes=10)
    assert world.shares() == {first: 6}
    return first


def fewest(world: World, release: str) -> int:
    return fewest_of(world, naming.release_name("churn", release))


def fewest_of(world: World, name: str) -> int:
    child = world.kube.objects["BentoDeployment", NAMESPACE, name]
    least: int = child["spec"]["autoscaling"]["minReplicas"]
    return least


async def test_the_next_release_takes_over_with_as_many_pods_as_served(world: World) -> None:
    first = await under_load(world)
    world.apply(env=mode("B"), autoscaling=SCALER, rollout=hurried())
    await until(world, lambda: world.address() != first)
    second = world.address() or ""
    assert world.shares() == {second: 6}


async def test_its_autoscaler_decides_alone_when_the_release_before_is_gone(world: World) -> None:
    first = await under_load(world)
    world.apply(env=mode("B"), autoscaling=SCALER, rollout=hurried())
    await until(world, lambda: world.address() != first)
    second = world.address() or ""
    world.yatai.demand[second] = 3
    assert fewest(world, second) == 6
    await until(world, lambda: world.releases() == [second])
    await world.run(passes=10)
    assert (fewest(world, second), world.shares(), world.condition()) == (2, {second: 3}, "True/Ready")
    await quiet(world)


async def test_more_load_during_a_trial_reaches_the_next_release_and_less_does_not(world: World) -> None:
    first = await under_load(world)
    world.yatai.bad_pods.add("B")
    world.apply(env=mode("B"), autoscaling=SCALER, rollout=hurried())
    await world.run(passes=10)
    second = world.status()["desiredRelease"]
    for demand, expected in ((7, 7), (3, 7), (20, 8)):
        world.yatai.demand[first] = demand
        await world.run(passes=10)
        assert fewest(world, second) == expected


async def test_bounds_that_are_lowered_hold_for_the_next_release(world: World) -> None:
    first = await under_load(world)
    world.apply(env=mode("B"), autoscaling={"minReplicas": 1, "maxReplicas": 4}, rollout=hurried())
    await until(world, lambda: world.address() != first)
    assert world.shares() == {world.address(): 4}


EDITED = "churn-inplace"


async def edited_under_load(world: World, **rollout: Any) -> str:
    """The same in place: one BentoDeployment, whose autoscaler has raised it to six pods."""
    first = await serve(world, env=mode("A"), autoscaling=SCALER, rollout=in_place(**rollout))
    world.yatai.demand[first] = 6
    await world.run(passes=20)
    assert (world.shares(), fewest_of(world, EDITED)) == ({first: 6}, 2)
    return first


def in_place(**rollout: Any) -> dict[str, Any]:
    return hurried(strategy="InPlace", **rollout)


async def test_an_edit_in_place_keeps_the_pods_that_served_until_its_autoscaler_has_seen_the_load(
    world: World,
) -> None:
    first = await edited_under_load(world)
    world.apply(env=mode("B"), autoscaling=SCALER, rollout=in_place())
    await until(world, lambda: world.address() != first)
    second = world.address() or ""
    await world.run(passes=5)
    assert (fewest_of(world, EDITED), world.shares(), world.condition()) == (6, {second: 6}, "True/Ready")
    world.yatai.demand[second] = 3
    await until(world, lambda: fewest_of(world, EDITED) == 2, within=15)
    await world.run(passes=10)
    assert world.shares() == {second: 3}
    await quiet(world)


async def test_an_edit_in_place_that_is_taken_back_keeps_them_too(world: World) -> None:
    first = await edited_under_load(world)
    del world.yatai.demand[first]
    world.verification.bad_answers.add("B")
    checks = [{"path": "/predict"}]
    world.apply(env=mode("B"), autoscaling=SCALER, rollout=in_place(verify=checks))
    await until(world, lambda: world.condition("RolledBack").startswith("True"))
    # Before Yatai has edited its Deployment there is nothing to count.
    await until(world, lambda: world.shares() == {first: 6})
    assert fewest_of(world, EDITED) == 6
    await world.run(passes=30)
    assert fewest_of(world, EDITED) == 2
    await quiet(world)


async def test_a_first_release_that_is_not_ready_may_ask_for_fewer_pods(world: World) -> None:
    """Nothing serves, so there is no load to take over; perhaps no node has room for so many."""
    world.yatai.bad_pods.add("B")
    world.apply(env=mode("B"), autoscaling={"minReplicas": 5, "maxReplicas": 8})
    await until(world, lambda: world.condition() == "False/Deploying")
    release = world.status()["desiredRelease"]
    assert fewest(world, release) == 5
    world.apply(env=mode("B"), autoscaling={"minReplicas": 2, "maxReplicas": 8})
    await world.run(passes=10)
    assert fewest(world, release) == 2
