"""A release that takes the requests in shares: how many pods, how long, and what may come in between.

The world asserts that no pod gets requests whose release was not verified, and that the address never loses its
last ready pod through a write of the operator.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import hurried, mode, quiet, serve, until
from support.world import World

from e2i.api import naming, release_record
from e2i.archive.errors import BucketUnreachable

VERIFY = [{"path": "/predict"}]
ENDLESS: dict[str, Any] = {"pause": {}}


def canary(*steps: dict[str, Any], **rollout: Any) -> dict[str, Any]:
    return hurried(strategy="Canary", steps=list(steps), verify=VERIFY, **rollout)


def share(percent: int) -> dict[str, Any]:
    return {"setWeight": percent}


def rest(duration: str) -> dict[str, Any]:
    return {"pause": {"duration": duration}}


async def begin(
    world: World, *steps: dict[str, Any], rollout: dict[str, Any] | None = None, **spec: Any
) -> str:
    """A release serves, and the next one is a canary at its first endless pause; the first one."""
    first = await serve(world, env=mode("A"), rollout=canary(*steps, **(rollout or {})), **spec)
    world.apply(env=mode("B"), rollout=canary(*steps, **(rollout or {})), **spec)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    return first


def told(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.status()["rollout"]
    return found


@pytest.mark.parametrize(
    ("pods", "percent", "of_canary", "of_stable", "really"),
    [
        (1, 10, 1, 1, 50),
        (1, 90, 1, 1, 50),
        (2, 10, 1, 2, 33),
        (2, 90, 2, 1, 67),
        (3, 10, 1, 3, 25),
        (3, 25, 1, 3, 25),
        (3, 60, 3, 2, 60),
        (10, 1, 1, 10, 9),
        (10, 10, 1, 10, 9),
        (10, 40, 7, 10, 41),
        (10, 50, 10, 10, 50),
        (10, 80, 10, 3, 77),
        (10, 99, 10, 1, 91),
    ],
)
async def test_a_share_is_met_as_well_as_the_pods_allow_and_told_as_it_is(
    world: World, pods: int, percent: int, of_canary: int, of_stable: int, really: int
) -> None:
    first = await begin(world, share(percent), ENDLESS, replicas=pods)
    await world.run(passes=10)
    second = world.status()["desiredRelease"]
    assert world.shares() == {first: of_stable, second: of_canary}
    assert (told(world)["weight"], told(world)["actualWeight"]) == (percent, really)
    assert world.address() == first
    world.annotate(promote_at="now")
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: pods})
    await quiet(world)


@pytest.mark.parametrize(
    ("percent", "of_canary", "of_stable"), [(20, 1, 4), (40, 3, 4), (50, 4, 4), (60, 4, 3), (80, 4, 1)]
)
async def test_with_an_autoscaler_the_share_is_of_the_pods_that_serve(
    world: World, percent: int, of_canary: int, of_stable: int
) -> None:
    scaler = {"minReplicas": 2, "maxReplicas": 6}
    steps = (share(percent), ENDLESS)
    first = await serve(world, env=mode("A"), autoscaling=scaler, rollout=canary(*steps))
    world.yatai.demand[first] = 4
    await world.run(passes=10)
    assert world.shares() == {first: 4}
    world.apply(env=mode("B"), autoscaling=scaler, rollout=canary(*steps))
    await until(
        world, lambda: "desiredRelease" in world.status() and world.status()["desiredRelease"] != first
    )
    second = world.status()["desiredRelease"]
    await world.run(passes=40)
    assert world.condition() == "False/CanaryPaused"
    assert world.shares() == {first: of_stable, second: of_canary}
    world.annotate(promote_at="now")
    await until(world, lambda: world.shares() == {second: 4})
    world.yatai.demand[second] = 3
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 3})
    await quiet(world)


async def test_pauses_last_as_long_as_they_say(world: World) -> None:
    steps = (share(20), rest("20s"), share(50), rest("1m"))
    await serve(world, env=mode("A"), replicas=4, rollout=canary(*steps))
    world.apply(env=mode("B"), replicas=4, rollout=canary(*steps))
    seen: dict[int, float] = {}
    for _ in range(130):
        await world.run(passes=1)
        if world.condition() == "False/CanaryPaused":
            seen[told(world)["weight"]] = seen.get(told(world)["weight"], 0) + 1
    assert world.condition() == "True/Ready"
    assert 19 <= seen[20] <= 21
    assert 59 <= seen[50] <= 61
    await quiet(world)


async def test_an_endless_pause_is_quiet_for_hours_and_ends_by_a_promotion(world: World) -> None:
    await begin(world, share(20), ENDLESS, share(50), ENDLESS, replicas=4)
    await quiet(world)
    assert world.condition() == "False/CanaryPaused"
    world.annotate(promote_at="1")
    await until(world, lambda: world.status().get("rollout", {}).get("weight") == 50)
    await world.run(passes=20)
    assert world.condition() == "False/CanaryPaused", "one promotion ends one pause"
    world.annotate(promote_at="2")
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    await quiet(world)


async def test_a_promotion_of_the_last_rollout_is_none_of_the_next(world: World) -> None:
    await begin(world, share(20), ENDLESS)
    world.annotate(promote_at="1")
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    world.apply(env=mode("C"), rollout=canary(share(20), ENDLESS))
    await world.run(passes=60)
    assert world.condition() == "False/CanaryPaused"


async def test_nobody_but_the_verified_canary_gets_requests_when_a_third_release_overtakes(
    world: World,
) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.apply(env=mode("C"), replicas=3, rollout=canary(share(25), ENDLESS))
    await until(world, lambda: len(world.releases()) > 2 or second not in world.releases())
    assert world.takes_in() == [first], "the address is narrowed before the third release can have a pod"
    await world.run(passes=30)
    assert world.condition() == "False/CanaryPaused"
    third = world.status()["desiredRelease"]
    assert world.takes_in() == sorted([first, third])
    assert second not in world.releases()
    assert told(world)["release"] == third


async def test_a_third_release_that_is_bad_never_gets_a_request(world: World) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    world.verification.bad_answers.add("C")
    world.apply(env=mode("C"), replicas=3, rollout=canary(share(25), ENDLESS))
    for _ in range(60):
        await world.run(passes=1)
        assert world.status()["desiredRelease"] not in world.takes_in() or world.takes_in()[0] == first
    assert (world.takes_in(), world.condition()) == ([first], "False/PredictionNotFinite")
    await quiet(world)


async def test_a_canary_that_is_verified_wrong_never_gets_a_share(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=canary(share(25)))
    world.verification.bad_answers.add("B")
    world.apply(env=mode("B"), rollout=canary(share(25)))
    for _ in range(40):
        await world.run(passes=1)
        assert world.takes_in() == [first]
    assert world.condition() == "False/PredictionNotFinite"
    assert world.condition("RolledBack") == "True/PredictionNotFinite"
    await quiet(world)


@pytest.mark.parametrize("cause", ["CrashLoop", "ErrorRatioExceeded", "PodsLost"])
async def test_a_canary_that_fails_is_taken_out_at_once(world: World, cause: str) -> None:
    watch = {"watch": {"seconds": 600, "maxErrorRatio": "0.1"}}
    first = await begin(world, share(25), ENDLESS, replicas=3, rollout=watch)
    second = world.status()["desiredRelease"]
    if cause == "CrashLoop":
        world.yatai.crashing.add("B")
    elif cause == "PodsLost":
        world.yatai.sick[second] = 10
    else:
        world.guard.spoil("B")
    await until(world, lambda: world.takes_in() == [first] and world.condition("RolledBack") != "nothing", 60)
    await world.run(passes=30)
    assert world.shares() == {first: 3}
    assert world.releases() == [first]
    assert world.failed()[0]["release"] == second
    assert "rollout" not in world.status()
    assert world.history()[0] == (second, "Failed")
    # A crash that is seen after its pods were lost looks like a lost node: it is tried again once.
    await world.run(passes=400)
    assert (world.shares(), world.releases()) == ({first: 3}, [first])
    await quiet(world)


async def test_a_new_operator_goes_on_with_the_canary_where_it_was(world: World) -> None:
    first = await begin(world, share(25), rest("30s"), share(50), ENDLESS, replicas=3)
    second, before = world.status()["desiredRelease"], told(world)
    await world.restart()
    await world.run(passes=3)
    assert told(world) == before
    assert world.takes_in() == sorted([first, second])
    await until(world, lambda: told(world)["weight"] == 50, 40)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([share(10)], id="fewer than it has taken"),
        pytest.param([share(60), rest("5s"), share(80), rest("5s"), share(90)], id="more"),
        pytest.param([rest("5s"), share(50)], id="without a share at its place"),
        pytest.param([share(75), rest("5s")], id="another share at its place"),
    ],
)
async def test_steps_that_are_edited_under_way_are_followed_from_there(
    world: World, steps: list[Any]
) -> None:
    await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.apply(env=mode("B"), replicas=3, rollout=canary(*steps))
    await world.run(passes=90)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 3})
    await quiet(world)


async def test_back_to_the_first_release_under_way(world: World) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    world.apply(env=mode("A"), replicas=3, rollout=canary(share(25), ENDLESS))
    await world.run(passes=60)
    assert (world.condition(), world.shares(), world.releases()) == ("True/Ready", {first: 3}, [first])
    assert "rollout" not in world.status()
    await quiet(world)


@pytest.mark.parametrize(("percent", "of_stable"), [(25, 6), (75, 2)])
async def test_another_number_of_pods_under_way_changes_both(
    world: World, percent: int, of_stable: int
) -> None:
    first = await begin(world, share(percent), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.apply(env=mode("B"), replicas=6, rollout=canary(share(percent), ENDLESS))
    await world.run(passes=40)
    assert world.shares() == {first: of_stable, second: 2 if percent == 25 else 6}
    world.annotate(promote_at="now")
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 6})


@pytest.mark.parametrize("strategy", ["BlueGreen", "InPlace"])
async def test_another_strategy_under_way(world: World, strategy: str) -> None:
    await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.apply(env=mode("B"), replicas=3, rollout=hurried(strategy=strategy, verify=VERIFY))
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 3})
    await quiet(world)


async def test_the_address_is_the_canary_s_only_after_the_last_step_and_in_the_ledger(world: World) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    assert results(world) == [(first, "Served"), (second, "Canary")]
    assert world.history() == [(first, "Serving")]
    world.annotate(promote_at="now")
    await world.run(passes=60)
    assert [
        each.release for each in world.release_store.records() if each.result == release_record.SERVED
    ] == [
        first,
        second,
    ]
    assert world.history() == [(second, "Serving"), (first, "Superseded")]


async def test_the_paused_annotation_holds_a_canary_and_lets_it_go_on(world: World) -> None:
    await serve(
        world, env=mode("A"), replicas=3, rollout=canary(share(25), rest("5s"), share(50), rest("5s"))
    )
    world.annotate(paused="true")
    world.apply(env=mode("B"), replicas=3, rollout=canary(share(25), rest("5s"), share(50), rest("5s")))
    await world.run(passes=60)
    assert world.condition() == "False/Paused"
    await quiet(world)
    world.annotate(paused="false")
    await world.run(passes=60)
    assert world.condition() == "True/Ready"


async def test_a_first_release_with_the_strategy_canary_has_no_steps_to_take(world: World) -> None:
    await serve(world, rollout=canary(share(25), ENDLESS), replicas=3)
    assert "rollout" not in world.status()


async def test_the_requests_stay_with_the_canary_when_the_first_release_loses_its_pods(world: World) -> None:
    """The one that is verified and ready is kept until there is another."""
    first = await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.yatai.sick[first] = 10
    await world.run(passes=10)
    assert world.takes_in() == [second]
    world.apply(env=mode("C"), replicas=3, rollout=canary(share(25), ENDLESS))
    await world.run(passes=90)
    third = world.status()["desiredRelease"]
    assert world.condition() == "False/CanaryPaused"
    assert (world.address(), world.takes_in()) == (second, sorted([second, third]))


async def test_a_third_release_waits_outside_when_the_first_two_have_lost_their_pods(world: World) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    world.yatai.sick = {first: 10, world.status()["desiredRelease"]: 10}
    await world.run(passes=1, yatai=True)
    world.apply(env=mode("C"), replicas=3, rollout=canary(share(25), ENDLESS))
    await world.run(passes=90)
    assert world.status()["desiredRelease"] in world.takes_in(), (
        "the world has seen that it was verified before"
    )


async def test_a_pause_begins_when_the_pods_of_the_canary_are_there(world: World) -> None:
    steps = (share(20), rest("10s"), share(50), rest("30s"))
    await serve(world, env=mode("A"), replicas=4, rollout=canary(*steps))
    world.apply(env=mode("B"), replicas=4, rollout=canary(*steps))
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    world.yatai.no_nodes = True
    await world.run(passes=90, step=1)
    assert (told(world)["weight"], told(world)["actualWeight"]) == (50, 20)
    world.yatai.no_nodes = False
    await until(world, lambda: told(world)["actualWeight"] == 50)
    begun = world.now
    await until(world, lambda: world.condition() == "True/Ready")
    assert 30 <= (world.now - begun).total_seconds() <= 40


async def test_a_pause_begins_when_the_first_release_has_given_its_share_away(world: World) -> None:
    """Above 50 % its pods end; Yatai may take its time."""
    steps = (share(80), rest("30s"))
    first = await serve(world, env=mode("A"), replicas=4, rollout=canary(*steps))
    world.apply(env=mode("B"), replicas=4, rollout=canary(*steps))
    await until(world, lambda: len(world.takes_in()) == 2)
    world.yatai.halted.add("deployer")
    await world.run(passes=90)
    assert world.condition() == "False/Promoting"
    assert f"3 pods of release {first} have still to end" in world.status()["conditions"][0]["message"]
    world.yatai.halted.clear()
    await until(world, lambda: told(world)["actualWeight"] == 80)
    begun = world.now
    await until(world, lambda: world.condition() == "True/Ready")
    assert 30 <= (world.now - begun).total_seconds() <= 40


async def test_nothing_is_taken_from_the_first_release_before_the_canary_takes_requests(world: World) -> None:
    steps = (share(80), ENDLESS)
    first = await serve(world, env=mode("A"), replicas=4, rollout=canary(*steps))
    world.verification.slow = True
    world.apply(env=mode("B"), replicas=4, rollout=canary(*steps))
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("False/Verifying", {first: 4})


async def test_an_overtaken_canary_has_a_word_of_its_own_in_history_and_ledger(world: World) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.apply(env=mode("C"), replicas=3, rollout=canary(share(25), ENDLESS))
    await world.run(passes=30)
    third = world.status()["desiredRelease"]
    assert world.history() == [(second, "Overtaken"), (first, "Serving")]
    entry = world.status()["history"][0]
    assert entry["startedAt"] < entry["endedAt"]
    assert (entry["bentoTag"], entry["message"]) == (
        "churn:1",
        f"it had 25 % of the requests when release {third} was asked for in its place",
    )
    assert results(world) == [(first, "Served"), (second, "Canary"), (third, "Canary")]
    await quiet(world)
    world.annotate(promote_at="now")
    await world.run(passes=60)
    assert world.history() == [(third, "Serving"), (second, "Overtaken"), (first, "Superseded")]
    assert results(world)[-1] == (third, "Served")


async def test_a_canary_that_gives_way_to_what_serves_keeps_the_time_of_its_start_in_the_history(
    world: World,
) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.apply(env=mode("A"), replicas=3, rollout=canary(share(25), ENDLESS))
    await world.run(passes=30)
    assert world.history() == [(second, "Overtaken"), (first, "Serving")]
    entry = world.status()["history"][0]
    assert entry["startedAt"] < entry["endedAt"]


async def test_a_canary_that_is_overtaken_by_a_bento_that_is_missing_is_told_too(world: World) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.apply(tag="missing:1", replicas=3, rollout=canary(share(25), ENDLESS))
    await world.run(passes=30)
    assert world.history() == [(second, "Overtaken"), (first, "Serving")]
    assert world.status()["history"][0]["message"] == (
        "it had 25 % of the requests when missing:1 was asked for in its place"
    )


async def test_a_canary_that_failed_is_not_overtaken(world: World) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=3)
    second = world.status()["desiredRelease"]
    world.yatai.crashing.add("B")
    await until(world, lambda: bool(world.failed()))
    world.apply(env=mode("C"), replicas=3, rollout=canary(share(25), ENDLESS))
    await world.run(passes=30)
    assert world.history() == [(second, "Failed"), (first, "Serving")]
    assert results(world)[:3] == [(first, "Served"), (second, "Canary"), (second, "Failed")]


async def test_a_canary_waits_for_no_ledger(world: World) -> None:
    first = await serve(world, env=mode("A"), replicas=3, rollout=canary(share(25), ENDLESS))
    world.release_store.failure = BucketUnreachable("no answer")
    world.apply(env=mode("B"), replicas=3, rollout=canary(share(25), ENDLESS))
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    second = world.status()["desiredRelease"]
    assert results(world) == [(first, "Served")]
    world.release_store.failure = None
    await world.run(passes=40, step=10)
    assert results(world) == [(first, "Served"), (second, "Canary")]


def results(world: World) -> list[tuple[str, str]]:
    return [(each.release, each.result) for each in world.release_store.records()]


@pytest.mark.parametrize("change", [{"replicas": "four"}, {"suspend": True}], ids=["unreadable", "suspended"])
async def test_a_canary_goes_on_where_it_was_when_the_spec_is_followed_again(
    world: World, change: dict[str, Any]
) -> None:
    first = await begin(world, share(25), ENDLESS, replicas=4)
    shares, progress = world.shares(), told(world)
    world.edit(naming.KIND, "churn", **change)
    await world.run()
    assert world.shares() == shares
    await world.restart()
    await world.run()
    assert world.shares() == shares
    world.edit(naming.KIND, "churn", replicas=4, suspend=False)
    await world.run()
    assert world.condition() == "False/CanaryPaused"
    assert (world.shares(), told(world)) == (shares, progress)
    assert set(shares) > {first}
    await quiet(world)
