"""Holding a rollout by hand: the annotation `paused`, and spec.suspend."""

from __future__ import annotations

from support.scenes import CHECKED, hurried, mode, quiet, serve, until
from support.world import World


async def test_paused_a_release_is_made_and_verified_and_not_switched_to(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried(**CHECKED))
    world.annotate(paused="true")
    world.apply(env=mode("B"), rollout=hurried(**CHECKED))
    await world.run(passes=40)
    assert (world.condition(), world.takes_in()) == ("False/Paused", [first])
    assert len(world.verification.asked) == 2
    await quiet(world)
    world.annotate(paused="false")
    await world.run(passes=10)
    assert world.takes_in() == [world.status()["desiredRelease"]]


async def test_paused_for_hours_a_release_is_not_too_late(world: World) -> None:
    await serve(world, env=mode("A"), rollout=hurried())
    world.annotate(paused="true")
    world.yatai.bad_pods.add("B")
    world.apply(env=mode("B"), rollout=hurried())
    await world.run(passes=60, step=120)
    world.yatai.bad_pods.clear()
    await world.run(passes=20)
    assert not world.failed()
    assert world.condition() == "False/Paused"


async def test_paused_a_release_that_serves_badly_is_rolled_back_all_the_same(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried(**CHECKED))
    world.apply(env=mode("B"), rollout=hurried(**CHECKED))
    await until(world, lambda: len(world.guard.begun) == 2)
    world.annotate(paused="true")
    world.guard.spoil("B")
    await world.run(passes=5)
    assert world.takes_in() == [first]


async def test_paused_the_number_of_pods_follows_the_spec(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried())
    world.annotate(paused="true")
    assert await serve(world, env=mode("A"), rollout=hurried(), replicas=3) == first
    assert world.shares() == {first: 3}


async def test_paused_a_model_that_serves_what_it_should_is_ready(world: World) -> None:
    await serve(world)
    world.annotate(paused="true")
    await world.run(passes=10)
    assert world.condition() == "True/Ready"
    await quiet(world)


async def test_suspended_nothing_is_done_not_even_a_way_back(world: World) -> None:
    await serve(world, env=mode("A"), rollout=hurried(**CHECKED))
    world.apply(env=mode("B"), rollout=hurried(**CHECKED))
    await until(world, lambda: len(world.guard.begun) == 2)
    second = world.address()
    world.apply(env=mode("B"), rollout=hurried(**CHECKED), suspend=True)
    world.guard.spoil("B")
    await world.run(passes=20)
    assert world.address() == second
    assert world.condition().endswith("/Suspended")
    await quiet(world)


async def test_suspended_the_status_keeps_what_it_remembers(world: World) -> None:
    world.verification.bad_answers.add("B")
    await serve(world, env=mode("A"), rollout=hurried(**CHECKED))
    world.apply(env=mode("B"), rollout=hurried(**CHECKED))
    await world.run(passes=40)
    failed, history = world.failed(), world.history()
    world.apply(env=mode("B"), rollout=hurried(**CHECKED), suspend=True)
    await world.run(passes=10)
    assert (world.failed(), world.history()) == (failed, history)
    world.apply(env=mode("B"), rollout=hurried(**CHECKED))
    await world.run(passes=40)
    assert world.condition() == "False/PredictionNotFinite"
    assert len(world.verification.asked) == 2, "it is still known to have failed"


async def test_suspended_in_the_middle_a_canary_goes_on_from_there(world: World) -> None:
    steps = [{"setWeight": 50}, {"pause": {}}]
    rollout = hurried(strategy="Canary", steps=steps)
    await serve(world, env=mode("A"), rollout=rollout)
    world.apply(env=mode("B"), rollout=rollout)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    before = world.status()["rollout"]
    world.apply(env=mode("B"), rollout=rollout, suspend=True)
    await world.run(passes=10)
    assert len(world.takes_in()) == 2
    world.apply(env=mode("B"), rollout=rollout)
    await world.run(passes=10)
    assert world.status()["rollout"] == before
    assert world.condition() == "False/CanaryPaused"
