"""Golden predictions: who is asked, when, and what comes of the answers."""

from __future__ import annotations

from typing import Any

from support.scenes import hurried, mode, quiet, serve, until
from support.world import World


def verified(path: str = "/predict", **rollout: Any) -> dict[str, Any]:
    return hurried(verify=[{"path": path}], **rollout)


async def test_a_release_is_asked_once_at_its_own_address_before_it_takes_requests(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=verified(), replicas=3)
    assert world.verification.asked == [f"churn-{first}"]
    assert world.condition("Verified") == "True/Verified"
    second = await serve(world, env=mode("B"), rollout=verified(), replicas=3)
    assert world.verification.asked == [f"churn-{first}", f"churn-{second}"]
    await quiet(world)
    assert len(world.verification.asked) == 2, "one that serves is not asked again"


async def test_it_is_asked_when_it_has_all_its_pods(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=verified(), replicas=3)
    world.verification.slow = True
    world.apply(env=mode("B"), rollout=verified(), replicas=3)
    await until(world, lambda: len(world.verification.asked) == 2)
    assert world.pods_of(world.verification.asked[1].removeprefix("churn-")) == 3
    await world.run(passes=20)
    assert (world.condition(), world.takes_in()) == ("False/Verifying", [first])
    world.verification.slow = False
    await world.run(passes=20)
    assert world.condition() == "True/Ready"


async def test_a_new_operator_asks_again_what_the_old_one_did_not_finish(world: World) -> None:
    await serve(world, env=mode("A"), rollout=verified())
    world.verification.slow = True
    world.apply(env=mode("B"), rollout=verified())
    await until(world, lambda: len(world.verification.asked) == 2)
    await world.restart()
    world.verification.slow = False
    await world.run(passes=20)
    assert world.condition() == "True/Ready"
    assert len(world.verification.asked) == 3


async def test_wrong_answers_keep_a_release_from_every_request(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=verified())
    world.verification.bad_answers.add("B")
    world.apply(env=mode("B"), rollout=verified())
    for _ in range(60):
        await world.run(passes=1)
        assert world.takes_in() == [first]
    assert world.condition("Verified") == "False/PredictionNotFinite"
    assert world.failed()[0]["evidence"]["http"] == "POST /predict -> 200: NaN"
    assert len(world.verification.asked) == 2
    await quiet(world)


async def test_other_checks_are_another_trial(world: World) -> None:
    await serve(world, env=mode("A"), rollout=verified())
    world.verification.bad_answers.add("B")
    world.apply(env=mode("B"), rollout=verified())
    await world.run(passes=60)
    old = world.failed()[0]["trial"]
    world.apply(env=mode("B"), rollout=verified("/other"))
    await world.run(passes=60)
    assert len(world.verification.asked) == 3
    assert world.failed()[0]["trial"] != old
    world.verification.bad_answers.clear()
    world.apply(env=mode("B"), rollout={**verified("/other"), "contract": {"labels": ["stay", "leave"]}})
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    await quiet(world)


async def test_replicas_and_steps_are_no_other_trial(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=verified())
    world.verification.bad_answers.add("B")
    world.apply(env=mode("B"), rollout=verified())
    await world.run(passes=60)
    world.verification.bad_answers.clear()
    world.apply(env=mode("B"), rollout=verified(scaleDownDelaySeconds=20), replicas=2)
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("False/PredictionNotFinite", {first: 2})


async def test_with_nothing_to_go_back_to_a_wrong_release_gets_no_address(world: World) -> None:
    world.verification.bad_answers.add("B")
    world.apply(env=mode("B"), rollout=verified())
    await world.run(passes=60)
    assert (world.address(), world.condition()) == (None, "False/PredictionNotFinite")
    assert world.condition("Stalled") == "True/PredictionNotFinite"
    await quiet(world)
    world.verification.bad_answers.clear()
    world.apply(env=mode("B"), rollout=verified("/corrected"))
    await world.run(passes=60)
    assert world.condition() == "True/Ready"


async def test_checks_that_come_later_do_not_touch_what_serves(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried())
    world.verification.bad_answers.add("A")
    await serve(world, env=mode("A"), rollout=verified())
    assert world.shares() == {first: 1}
    assert world.verification.asked == []
    assert world.condition("Verified") == "Unknown/NotAsked"
    await quiet(world)


async def test_another_spec_while_the_answers_are_awaited(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=verified())
    world.verification.slow = True
    world.apply(env=mode("B"), rollout=verified())
    await until(world, lambda: len(world.verification.asked) == 2)
    world.apply(env=mode("C"), rollout=verified())
    world.verification.slow = False
    await world.run(passes=60)
    assert (world.condition(), len(world.verification.asked)) == ("True/Ready", 3)
    assert world.history()[1] == (first, "Superseded")


async def test_pods_that_go_away_between_the_answers_and_the_switch_are_waited_for(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=verified(), replicas=2)
    world.annotate(paused="true")
    world.apply(env=mode("B"), rollout=verified(), replicas=2)
    await until(world, lambda: world.condition() == "False/Paused")
    second = world.status()["desiredRelease"]
    world.yatai.sick[second] = 1
    await world.run(passes=5)
    world.annotate(paused="false")
    await world.run(passes=10)
    assert world.takes_in() == [first]
    world.yatai.sick.clear()
    await world.run(passes=40)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 2})


async def test_a_check_that_cannot_be_understood_stops_everything_before_the_build(world: World) -> None:
    world.apply(rollout=hurried(verify=[{"path": "/predict", "expect": {"body": "{"}}]))
    await world.run(passes=20)
    assert world.condition() == "False/CheckInvalid"
    assert world.exports_begun == []
    await quiet(world)
