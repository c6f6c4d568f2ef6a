"""The first minutes after the switch: what counts against a release, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.scenes import hurried, mode, quiet, serve, until
from support.world import World, digest_of

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.problem import Problem


def watched(seconds: int = 60, **rollout: Any) -> dict[str, Any]:
    return hurried(watch={"seconds": seconds, "maxErrorRatio": "0.1"}, **rollout)


async def replace(world: World, rollout: dict[str, Any], replicas: int = 1) -> tuple[str, str]:
    """A release that has just taken the requests of another: (first, second)."""
    first = await serve(world, env=mode("A"), rollout=rollout, replicas=replicas)
    world.apply(env=mode("B"), rollout=rollout, replicas=replicas)
    await until(world, lambda: world.address() != first)
    return first, world.address() or ""


async def test_a_crossed_limit_takes_the_requests_back(world: World) -> None:
    first, second = await replace(world, watched())
    await world.run(passes=30)
    assert world.condition() == "True/Ready"
    world.guard.spoil("B")
    await world.run(passes=3)
    assert world.takes_in() == [first]
    await world.run(passes=2)
    assert world.condition() == "False/ErrorRatioExceeded"
    assert world.history()[:2] == [(first, "Serving"), (second, "RolledBack")]
    await world.run(passes=60)
    await quiet(world)


async def test_what_was_taken_back_goes_at_once_with_the_connections_that_clients_keep_to_it(
    world: World,
) -> None:
    _, second = await replace(world, watched(scaleDownDelaySeconds=300))
    world.guard.spoil("B")
    await world.run(passes=5)
    assert world.condition() == "False/ErrorRatioExceeded"
    assert second not in world.releases()


async def test_a_watch_that_sees_nothing_says_so_and_takes_nothing_back(world: World) -> None:
    _, second = await replace(world, watched(30))
    seen = Problem(reason=Reason.MetricsUnreadable, message="the metrics were answered with status 401")
    world.guard.seen = seen
    await world.run(passes=5)
    assert (world.condition(), world.condition("WatchBlind")) == ("True/Ready", "True/MetricsUnreadable")
    await world.restart()
    await world.run(passes=60)
    assert (world.condition("WatchBlind"), world.address()) == ("True/MetricsUnreadable", second)
    await quiet(world)


async def test_it_is_watched_until_the_time_that_the_spec_says_counted_from_the_switch(world: World) -> None:
    await replace(world, watched(60))
    await world.run(passes=3)
    release, until_ = world.guard.begun[-1]
    switched = world.kube.objects["Service", "models", "churn"]["metadata"]["annotations"]
    assert release == world.address()
    assert (until_ - timedelta(seconds=60)).strftime("%H:%M:%SZ") in switched["serving.e2i.dev/switched-at"]
    await world.run(passes=20)
    await world.restart()
    await world.run(passes=3)
    assert world.guard.begun[-1] == (release, until_), "a new operator watches no longer than the old"


async def test_the_predecessor_is_kept_as_long_as_the_release_is_watched(world: World) -> None:
    first, _ = await replace(world, watched(60, scaleDownDelaySeconds=0))
    await world.run(passes=50)
    assert first in world.releases()
    await world.run(passes=20)
    assert first not in world.releases()
    await quiet(world)


async def test_what_goes_wrong_after_the_watch_is_not_the_rollout_s(world: World) -> None:
    _, second = await replace(world, watched(20))
    await world.run(passes=60)
    world.guard.spoil("B")
    await world.run(passes=30)
    assert (world.condition(), world.address()) == ("True/Ready", second)


async def test_a_release_that_loses_all_pods_soon_after_the_switch_is_rolled_back(world: World) -> None:
    first, second = await replace(world, hurried(scaleDownDelaySeconds=30), replicas=3)
    world.yatai.sick[second] = 3
    await world.run(passes=4)
    assert world.takes_in() == [first]
    assert world.condition("RolledBack") != "nothing"
    assert world.failed()[0]["release"] == second
    await world.run(passes=60)
    await quiet(world)


@pytest.mark.parametrize("ending", ["Unknown", "ContainerStatusUnknown"])
async def test_a_node_that_restarts_soon_after_the_switch_is_no_crash_of_the_release(
    world: World, ending: str
) -> None:
    """The containers ended and no node saw it: the requests go back, and the release is tried again by itself."""
    first, second = await replace(world, hurried(scaleDownDelaySeconds=30), replicas=3)
    world.yatai.ending = ending
    world.yatai.sick[second] = 3
    await world.run(passes=4)
    assert world.takes_in() == [first]
    assert [(failed["release"], failed["reason"]) for failed in world.failed()] == [(second, "PodsLost")]
    world.yatai.sick.clear()
    await world.run(passes=150)
    assert (world.address(), world.condition()) == (second, "True/Ready")


@pytest.mark.parametrize("begun", ["before", "after"])
async def test_a_release_whose_pods_are_lost_with_their_node_is_rolled_back(world: World, begun: str) -> None:
    """Whether the operator began before the loss or after it, and although no node takes other pods."""
    first, second = await replace(world, hurried(scaleDownDelaySeconds=30))
    if begun == "after":
        await world.operator.stop()
    world.yatai.no_nodes = True
    for pod in world.all("Pod"):
        if pod["metadata"]["labels"].get(naming.RELEASE_LABEL) == second:
            world.kube.remove(("Pod", "models", pod["metadata"]["name"]))
    world.yatai.step(world.now)
    if begun == "after":
        await world.restart()
    await world.run(passes=5)
    assert (world.address(), world.condition(), world.takes_in()) == (first, "False/PodsLost", [first])
    assert [(failed["release"], failed["reason"]) for failed in world.failed()] == [(second, "PodsLost")]


async def test_a_container_beside_the_model_s_that_crashes_condemns_nobody(world: World) -> None:
    """The release before serves in the meantime."""
    first, second = await replace(world, hurried(scaleDownDelaySeconds=30), replicas=3)
    world.yatai.bad_sidecars.add("B")
    await world.run(passes=60)
    assert (world.address(), world.condition(), world.failed()) == (first, "False/SidecarFailed", [])
    assert "container proxy of pod" in world.status()["conditions"][0]["message"]
    world.yatai.bad_sidecars.clear()
    await world.run(passes=60)
    assert (world.address(), world.condition()) == (second, "True/Ready")
    await quiet(world)


@pytest.mark.parametrize("rollback", ["Manual", "Disabled"])
async def test_requests_stay_behind_a_crashing_sidecar_where_people_decide(
    world: World, rollback: str
) -> None:
    _, second = await replace(world, hurried(scaleDownDelaySeconds=30, rollback=rollback), replicas=3)
    world.yatai.bad_sidecars.add("B")
    await world.run(passes=20)
    assert (world.address(), world.condition(), world.failed()) == (second, "False/SidecarFailed", [])


async def test_a_release_that_loses_all_pods_when_its_time_is_over_gives_way_to_a_kept_one(
    world: World,
) -> None:
    """It cannot fail any more; it gets the address again when it is complete."""
    first, second = await replace(world, hurried(scaleDownDelaySeconds=300), replicas=3)
    await world.run(passes=20)
    world.yatai.sick[second] = 3
    world.yatai.step(world.now)
    world.apply(env=mode("B"), replicas=3, rollout=hurried(scaleDownDelaySeconds=0))
    await world.run(passes=20)
    assert (world.takes_in(), world.failed()) == ([first], [])
    world.yatai.sick.clear()
    await world.run(passes=60)
    assert (world.takes_in(), world.condition()) == ([second], "True/Ready")
    await quiet(world)


async def test_a_release_is_held_up_by_a_crashing_sidecar_and_goes_on_by_itself(world: World) -> None:
    rollout = hurried(progressDeadlineSeconds=20)
    first = await serve(world, env=mode("A"), rollout=rollout)
    world.yatai.bad_sidecars.add("B")
    world.apply(env=mode("B"), rollout=rollout)
    await world.run(passes=60)
    assert (world.address(), world.condition(), world.failed()) == (first, "False/SidecarFailed", [])
    world.yatai.bad_sidecars.clear()
    await world.run(passes=60)
    assert (world.address() != first, world.condition()) == (True, "True/Ready")


async def test_one_pod_of_three_that_stumbles_once_is_no_failure(world: World) -> None:
    _, second = await replace(world, hurried(scaleDownDelaySeconds=30), replicas=3)
    world.yatai.sick[second] = 1
    await world.run(passes=10)
    assert (world.address(), world.condition()) == (second, "False/CrashLoop")
    world.yatai.sick.clear()
    await world.run(passes=60)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 3})
    await quiet(world)


async def test_pods_that_crash_again_and_again_after_the_switch_are_a_failure(world: World) -> None:
    first, _ = await replace(world, hurried(scaleDownDelaySeconds=60), replicas=3)
    world.yatai.crashing.add("B")
    await world.run(passes=60)
    assert world.takes_in() == [first]
    # It first loses its pods, so it is tried again once.
    await world.run(passes=300)
    assert (world.address(), world.condition()) == (first, "False/CrashLoop")
    await quiet(world)


async def test_a_release_that_loses_its_pods_after_that_time_is_waited_for(world: World) -> None:
    _, second = await replace(world, hurried(scaleDownDelaySeconds=10), replicas=3)
    await world.run(passes=40)
    world.yatai.sick[second] = 3
    await world.run(passes=60)
    assert (world.address(), world.failed()) == (second, [])
    assert world.condition("ReleaseServing") == "False/Deploying"
    world.yatai.sick.clear()
    await world.run(passes=20)
    assert world.condition() == "True/Ready"


async def test_more_pods_during_the_watch_are_no_loss(world: World) -> None:
    _, second = await replace(world, watched(60))
    world.apply(env=mode("B"), rollout=watched(60), replicas=5)
    await world.run(passes=80)
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 5})
    await quiet(world)


async def test_the_watch_of_a_canary_begins_with_its_first_share_and_goes_on_after_the_last(
    world: World,
) -> None:
    steps = [{"setWeight": 50}, {"pause": {"duration": "10s"}}]
    rollout = watched(60, strategy="Canary", steps=steps)
    first = await serve(world, env=mode("A"), rollout=rollout)
    world.apply(env=mode("B"), rollout=rollout)
    await until(world, lambda: len(world.takes_in()) == 2)
    await world.run(passes=3)
    assert world.guard.begun[-1][0] != first
    await world.run(passes=30)
    assert world.condition() == "True/Ready"
    world.guard.spoil("B")
    await world.run(passes=3)
    assert world.takes_in() == [first]


async def test_a_release_that_is_overtaken_while_it_is_judged_gives_way_to_its_predecessor(
    world: World,
) -> None:
    first, second = await replace(world, watched())
    world.yatai.slow_builds.add(digest_of("churn:3"))
    world.apply(tag="churn:3", env=mode("C"), rollout=watched())
    await world.run(passes=5)
    assert first in world.releases(), "it is kept while the release after it is judged"
    world.yatai.sick[second] = 1
    await world.run(passes=5)
    assert world.takes_in() == [first]
