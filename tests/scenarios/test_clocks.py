"""A clock that is set: the same happens as if nobody had touched it, whoever's clock, whatever the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from support.scenes import CHECKED, heal, hurried, mode, serve, spoil, until
from support.world import World, digest_of

from e2i import clock

Skew = Callable[[], None]
CANARY = {"strategy": "Canary", "steps": [{"setWeight": 50}, {"pause": {"duration": "60s"}}]}


async def before_the_model(world: World, skew: Skew) -> None:
    skew()
    await serve(world)


async def during_the_build(world: World, skew: Skew) -> None:
    world.yatai.slow_builds.add(digest_of("churn:1"))
    world.apply(rollout=hurried())
    await world.run(passes=10)
    skew()
    await world.run(passes=30)
    heal(world)
    await world.run(passes=60)


async def while_pods_start(world: World, skew: Skew) -> None:
    world.yatai.bad_pods.add("slow")
    world.apply(env=mode("slow"), rollout=hurried())
    await world.run(passes=20)
    skew()
    await world.run(passes=40)
    heal(world)
    await world.run(passes=60)


async def while_pods_are_refused(world: World, skew: Skew) -> None:
    world.yatai.refused.add("refused")
    world.apply(env=mode("refused"), rollout=hurried())
    await world.run(passes=20)
    skew()
    await world.run(passes=20)
    heal(world)
    await world.run(passes=60)


async def in_the_pause_of_a_canary(world: World, skew: Skew) -> None:
    await serve(world, replicas=2)
    world.apply(env=mode("B"), replicas=2, rollout=CANARY)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    skew()
    await world.run(passes=120)


async def under_guard(world: World, skew: Skew) -> None:
    first = await serve(world, rollout=hurried(**CHECKED))
    world.apply(tag="churn:2", env=mode("bad"), rollout=hurried(**CHECKED))
    await until(world, lambda: world.address() != first)
    skew()
    await world.run(passes=5)
    world.guard.spoil("bad")
    await world.run(passes=60)
    assert world.address() == first


async def while_the_predecessor_is_kept(world: World, skew: Skew) -> None:
    first = await serve(world, rollout={"scaleDownDelaySeconds": 300})
    world.apply(env=mode("B"), rollout={"scaleDownDelaySeconds": 300})
    await until(world, lambda: world.address() != first)
    skew()
    await world.run(passes=280)
    assert first in world.releases()
    await world.run(passes=60)
    assert first not in world.releases()


async def after_a_failure(world: World, skew: Skew) -> None:
    first = await serve(world, rollout=hurried())
    spoil(world, "CrashLoop")
    world.apply(tag="churn:2", env=mode("bad"), rollout=hurried())
    await until(world, lambda: bool(world.failed()))
    skew()
    await world.run(passes=120)
    assert world.releases() == [first]


async def before_a_retry(world: World, skew: Skew) -> None:
    await after_a_failure(world, skew)
    heal(world)
    world.annotate(retry_at="now")
    await world.run(passes=60)


async def within_a_retry(world: World, skew: Skew) -> None:
    """Its pods are deleted and made again, once."""
    await serve(world, rollout=hurried(rollback="Manual"))
    spoil(world, "CrashLoop")
    world.apply(tag="churn:2", env=mode("bad"), rollout=hurried(rollback="Manual"))
    await until(world, lambda: bool(world.failed()))
    skew()
    heal(world)
    world.kube.writes.clear()
    world.annotate(retry_at="now")
    await world.run(passes=60)
    assert world.kube.writes["delete", "BentoDeployment"] <= 2, "the failed one, and the predecessor"
    assert world.kube.writes["apply", "BentoDeployment"] == 1


MOMENTS = (
    before_the_model,
    during_the_build,
    while_pods_start,
    while_pods_are_refused,
    in_the_pause_of_a_canary,
    under_guard,
    while_the_predecessor_is_kept,
    after_a_failure,
    before_a_retry,
    within_a_retry,
)
Told = tuple[list[tuple[str, str]], list[tuple[str, str]], str]


async def _live(moment: Callable[[World, Skew], Awaitable[None]], whose: str, minutes: int) -> Told:
    """What was told, in its order; what became of the releases; and the end."""
    world = World()

    def skew() -> None:
        if whose == "controllers":
            world.yatai.skew = timedelta(minutes=minutes)
        else:
            world.skew[whose] = timedelta(minutes=minutes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: world.clock.now())
        await world.start()
        await moment(world, skew)
        told = [(name, condition) for _, name, condition in world.statuses]
        await world.close()
    return (
        [each for each, last in zip(told, [("", ""), *told], strict=False) if each != last],
        world.history(),
        (world.condition()),
    )


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_a_clock_that_is_set_changes_nothing(moment: Callable[[World, Skew], Awaitable[None]]) -> None:
    expected = asyncio.run(_live(moment, "operator", 0))
    for whose in ("operator", "server", "controllers"):
        for minutes in (10, -10):
            assert asyncio.run(_live(moment, whose, minutes)) == expected, (whose, minutes)


@pytest.mark.parametrize("whose", ["server", "controllers"])
@pytest.mark.parametrize("minutes", [10, -10])
async def test_an_operator_that_starts_with_wrong_clocks_around_it_gives_more_time_not_less(
    world: World, whose: str, minutes: int
) -> None:
    world.yatai.bad_pods.add("slow")
    world.apply(env=mode("slow"), rollout=hurried())
    await world.run(passes=20)
    if whose == "server":
        world.skew["server"] = timedelta(minutes=minutes)
    world.yatai.skew = timedelta(minutes=minutes)
    await world.restart()
    await world.run(passes=95)
    assert not world.failed()
    await world.run(passes=30)
    assert [each["reason"] for each in world.failed()] == ["ProgressDeadlineExceeded"]


@pytest.mark.parametrize("minutes", [10, -10])
async def test_a_predecessor_is_kept_although_the_clock_was_set_while_no_operator_ran(
    world: World, minutes: int
) -> None:
    first = await serve(world, rollout={"scaleDownDelaySeconds": 100})
    world.apply(env=mode("B"), rollout={"scaleDownDelaySeconds": 100})
    await until(world, lambda: world.address() != first)
    world.skew["server"] = timedelta(minutes=minutes)
    await world.restart()
    await world.run(passes=90)
    assert first in world.releases()
    await world.run(passes=30)
    assert first not in world.releases()


async def test_times_in_the_status_are_those_of_the_server(world: World) -> None:
    world.skew["operator"] = timedelta(minutes=10)
    await world.restart()
    await serve(world)
    served = world.status()["history"][0]["servedAt"]
    assert served.startswith("2026-11-21T12:00:")
