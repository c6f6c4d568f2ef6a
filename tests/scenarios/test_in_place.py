"""The strategy InPlace: one BentoDeployment that is edited, and the ways into it and out of it."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import heal, hurried, mode, quiet, serve, spoil, until
from support.world import World, digest_of

from e2i.api import naming
from e2i.archive.errors import BucketUnreachable

NAME = "churn-inplace"


def in_place(**rollout: Any) -> dict[str, Any]:
    return hurried(strategy="InPlace", **rollout)


def deployments(world: World) -> list[str]:
    return sorted(item["metadata"]["name"] for item in world.all("BentoDeployment"))


def bento_of(world: World, name: str = NAME) -> str:
    bento: str = world.kube.objects["BentoDeployment", "models", name]["spec"]["bento"]
    return bento


async def test_one_deployment_is_edited_release_after_release(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=in_place(), replicas=2)
    uid = world.all("BentoDeployment")[0]["metadata"]["uid"]
    second = await serve(world, env=mode("B"), rollout=in_place(), replicas=2)
    assert first != second
    assert deployments(world) == [NAME]
    assert world.all("BentoDeployment")[0]["metadata"]["uid"] == uid
    assert world.shares() == {second: 2}
    assert world.history() == [(second, "Serving"), (first, "Superseded")]
    await quiet(world)


async def test_it_is_edited_only_when_the_image_is_there(world: World) -> None:
    first = await serve(world, tag="churn:1", rollout=in_place())
    before = bento_of(world)
    world.yatai.slow_builds.add(digest_of("churn:2"))
    world.apply(tag="churn:2", rollout=in_place())
    await world.run(passes=20)
    assert (bento_of(world), world.shares()) == (before, {first: 1})
    world.yatai.slow_builds.clear()
    await world.run(passes=40)
    assert world.condition() == "True/Ready"
    assert bento_of(world) == naming.artifact_name("churn", digest_of("churn:2"))


@pytest.mark.parametrize("cause", ["BuildFailed", "BuildDeadlineExceeded"])
async def test_a_build_that_fails_leaves_it_untouched(world: World, cause: str) -> None:
    first = await serve(world, tag="churn:1", rollout=in_place())
    world.kube.writes.clear()
    spoil(world, cause)
    world.apply(tag="churn:2", rollout=in_place())
    await world.run(passes=160)
    assert (world.condition(), world.shares()) == (f"False/{cause}", {first: 1})
    assert world.kube.writes["apply", "BentoDeployment"] == 0
    await quiet(world)


@pytest.mark.parametrize(
    "cause",
    ["CrashLoop", "ProgressDeadlineExceeded", "ImagePullFailed", "PodsRefused", "PredictionNotFinite",
     "ErrorRatioExceeded"],
)  # fmt: skip
async def test_one_that_fails_is_edited_back_to_the_last_good_release(world: World, cause: str) -> None:
    rollout = in_place(verify=[{"path": "/predict"}], watch={"seconds": 20, "maxErrorRatio": "0.1"})
    first = await serve(world, tag="churn:1", env=mode("good"), rollout=rollout, replicas=2)
    spoil(world, cause)
    world.apply(tag="churn:2", env=mode("bad"), rollout=rollout, replicas=2)
    await world.run(passes=200)
    assert (world.address(), world.shares()) == (first, {first: 2})
    assert world.condition() == f"False/{cause}"
    assert world.condition("RolledBack") == f"True/{cause}"
    assert bento_of(world) == naming.artifact_name("churn", digest_of("churn:1"))
    await quiet(world)
    heal(world)
    world.annotate(retry_at="now")
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert bento_of(world) == naming.artifact_name("churn", digest_of("churn:2"))


async def test_the_way_back_waits_for_the_bucket_that_knows_it(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=in_place())
    world.yatai.crashing.add("bad")
    world.release_store.failure = BucketUnreachable("no answer")
    await world.restart()
    world.apply(env=mode("bad"), rollout=in_place())
    await world.run(passes=80)
    assert world.condition("Stalled") != "nothing"
    assert world.failed()[0]["reason"] == "CrashLoop"
    world.release_store.failure = None
    await world.run(passes=80)
    assert (world.address(), world.shares()) == (first, {first: 1})
    await quiet(world)


async def test_from_side_by_side_to_in_place(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried(), replicas=2)
    world.kube.writes.clear()
    await serve(world, env=mode("A"), rollout=in_place(), replicas=2)
    assert world.kube.writes["apply", "BentoDeployment"] == 0, "the strategy alone makes no release"
    world.apply(env=mode("B"), rollout=in_place(), replicas=2)
    await until(world, lambda: world.address() != first)
    assert first not in world.takes_in(), "the one that is about to go shares no requests"
    await world.run(passes=40)
    assert (world.condition(), deployments(world)) == ("True/Ready", [NAME])
    await serve(world, env=mode("C"), rollout=in_place(), replicas=2)
    assert deployments(world) == [NAME]
    await quiet(world)


async def test_from_in_place_to_side_by_side(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=in_place(), replicas=2)
    await serve(world, env=mode("A"), rollout=hurried(), replicas=2)
    assert deployments(world) == [NAME]
    world.apply(env=mode("B"), rollout=hurried(), replicas=2)
    while world.address() == first:
        await world.run(passes=1)
        assert world.takes_in(), "the one that was edited in place serves until the next is whole"
    await world.run(passes=40)
    second = world.address()
    assert (world.condition(), world.shares()) == ("True/Ready", {second: 2})
    assert deployments(world) == [f"churn-{second}"]
    await quiet(world)


async def test_back_to_what_serves_before_the_image_of_the_next_is_there(world: World) -> None:
    first = await serve(world, tag="churn:1", rollout=in_place())
    world.yatai.slow_builds.add(digest_of("churn:2"))
    world.apply(tag="churn:2", rollout=in_place())
    await world.run(passes=5)
    world.apply(tag="churn:1", rollout=in_place())
    await world.run(passes=20)
    assert (world.condition(), world.shares()) == ("True/Ready", {first: 1})
    await quiet(world)


async def test_more_pods_are_no_release(world: World) -> None:
    first = await serve(world, rollout=in_place(), replicas=1)
    world.kube.writes.clear()
    assert await serve(world, rollout=in_place(), replicas=3) == first
    assert world.shares() == {first: 3}
    assert world.kube.writes["apply", "BentoDeployment"] == 0
    assert world.kube.writes["patch", "BentoDeployment"] == 1
