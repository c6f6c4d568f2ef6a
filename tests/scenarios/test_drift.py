"""Inputs that move away from the training data: it is said, it condemns nobody, and it is said when it is over."""

from __future__ import annotations

from support.scenes import hurried, mode, quiet, serve, until
from support.world import World

AS_TRAINED, MOVED = {"tenure": 0.02, "plan": 0.01}, {"tenure": 0.41234, "plan": 0.01}


async def begin(world: World, **spec: object) -> str:
    await world.start()
    return await serve(world, rollout=hurried(), **spec)


async def test_inputs_that_moved_are_told_and_the_model_stays_ready(world: World) -> None:
    release = await begin(world)
    world.scores = MOVED
    await world.look_at_drift(2)
    assert world.condition("Drifted") == "nothing", "twice may be chance"
    await world.look_at_drift(1)
    assert (world.condition("Drifted"), world.condition()) == ("True/InputsDrifted", "True/Ready")
    drift = world.status()["drift"]
    assert (drift["release"], drift["drifted"]) == (release, 1)
    (feature,) = drift["features"]
    assert (feature["name"], feature["score"], feature["bound"]) == ("tenure", "0.412", "0.25")
    assert feature["since"] == drift["since"]
    assert world.told().count("InputsDrifted") == 1
    world.scores = {"tenure": 0.6, "plan": 0.01}
    await quiet(world)


async def test_it_is_over_when_the_inputs_are_again_as_trained(world: World) -> None:
    await begin(world)
    world.scores = MOVED
    await world.look_at_drift(3)
    world.scores = AS_TRAINED
    await world.look_at_drift(2)
    assert world.condition("Drifted") == "True/InputsDrifted"
    await world.look_at_drift(1)
    assert world.condition("Drifted") == "False/InputsAsTrained"
    assert "drift" not in world.status()
    assert world.told()[-1] == "InputsAsTrained"
    await quiet(world)


async def test_figures_that_swing_around_the_bound_change_nothing(world: World) -> None:
    await begin(world)
    world.scores = AS_TRAINED
    await world.look_at_drift(3)
    assert world.condition("Drifted") == "False/InputsAsTrained"
    assert "InputsAsTrained" not in world.told(), "of each release it would be no news"
    world.kube.writes.clear()
    for _ in range(6):
        for scores in (MOVED, MOVED, AS_TRAINED):
            world.scores = scores
            await world.look_at_drift(1)
    assert world.condition("Drifted") == "False/InputsAsTrained"
    assert not world.kube.writes


async def test_another_operator_goes_on_from_the_status(world: World) -> None:
    await begin(world)
    world.scores = {"tenure": 0.41234, "plan": 0.3}
    await world.look_at_drift(3)
    before = world.status()
    world.kube.writes.clear()
    await world.restart()
    await world.look_at_drift(5)
    assert world.status() == before
    assert not world.kube.writes
    world.scores = AS_TRAINED
    await world.restart()
    await world.look_at_drift(5)
    assert world.condition("Drifted") == "False/InputsAsTrained"


async def test_a_feature_that_drifts_later_has_its_own_time(world: World) -> None:
    await begin(world)
    world.scores = MOVED
    await world.look_at_drift(3)
    first = world.status()["drift"]
    world.scores = {"tenure": 0.5, "plan": 0.9}
    await world.look_at_drift(3)
    drift = world.status()["drift"]
    assert [each["name"] for each in drift["features"]] == ["plan", "tenure"]
    assert drift["features"][1] == first["features"][0]
    assert drift["since"] == first["since"] < drift["features"][0]["since"]


async def test_a_release_that_takes_the_address_begins_without_it(world: World) -> None:
    first = await begin(world)
    world.scores = MOVED
    await world.look_at_drift(3)
    world.scores = {}
    world.apply(env=mode("B"), rollout=hurried())
    await until(world, lambda: world.address() != first)
    await world.run(passes=5)
    assert world.condition("Drifted") == "nothing"
    assert "drift" not in world.status()


async def test_a_bento_that_shows_no_drift_has_no_condition(world: World) -> None:
    await begin(world)
    await world.look_at_drift(5)
    assert world.condition("Drifted") == "nothing"


async def test_the_bounds_of_the_spec_decide(world: World) -> None:
    await begin(world, drift={"maxPsi": "0.5", "maxPsiOf": {"plan": "0.005"}})
    world.scores = MOVED
    await world.look_at_drift(3)
    assert [each["name"] for each in world.status()["drift"]["features"]] == ["plan"]
    world.apply(rollout=hurried(), drift={"maxPsi": "0.5"})
    await world.run(passes=2)
    await world.look_at_drift(3)
    assert world.condition("Drifted") == "False/InputsAsTrained"


async def test_inputs_outside_of_the_overlap_are_told_until_the_spec_allows_so_many(world: World) -> None:
    await begin(world)
    world.scores = {"overlap": 0.2, "tenure": 0.2}
    await world.look_at_drift(3)
    (told,) = world.status()["drift"]["features"]
    assert (told["name"], told["score"], told["bound"]) == ("overlap", "0.2", "0.1")
    world.apply(rollout=hurried(), drift={"maxOutsideOverlap": "0.3"})
    await world.run(passes=2)
    await world.look_at_drift(3)
    assert world.condition("Drifted") == "False/InputsAsTrained"


async def test_a_parked_model_keeps_what_was_seen(world: World) -> None:
    await begin(world)
    world.scores = MOVED
    await world.look_at_drift(3)
    world.apply(replicas=0, rollout=hurried())
    await world.look_at_drift(5)
    assert world.condition("Drifted") == "True/InputsDrifted"
