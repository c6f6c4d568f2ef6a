"""A cluster that was lost: the same manifests, the bucket, perhaps the bento store, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import heal, hurried, marked, quiet, serve
from support.world import World, digest_of

from e2i.archive.errors import BucketUnreachable

ROLLOUT: dict[str, Any] = hurried(verify=[{"path": "/predict"}])


@pytest.mark.parametrize("empty_store", [False, True])
async def test_what_served_serves_again(world: World, empty_store: bool) -> None:
    release = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    await world.rebuild()
    world.empty_store = empty_store
    assert await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT) == release
    assert world.verification.asked == [f"churn-{release}"] * 2
    await quiet(world)


@pytest.mark.parametrize("empty_store", [False, True])
@pytest.mark.parametrize("cause", ["PredictionNotFinite", "CrashLoop"])
async def test_the_last_good_release_comes_back_although_the_spec_names_one_that_failed(
    world: World, cause: str, empty_store: bool
) -> None:
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    (world.verification.bad_answers if cause == "PredictionNotFinite" else world.yatai.crashing).add("bad")
    world.apply(tag="churn:2", resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert world.condition() == f"False/{cause}"
    await world.rebuild()
    world.empty_store = empty_store
    world.verification.asked.clear()
    world.apply(tag="churn:2", resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert (world.address(), world.takes_in(), world.releases()) == (good, [good], [good])
    assert world.condition() == f"False/{cause}"
    assert world.condition("RolledBack") == f"True/{cause}"
    assert world.failed()[0]["message"]
    assert world.verification.asked == [], "nothing is asked of the one that failed"
    await quiet(world)


async def test_one_that_failed_is_tried_in_another_trial(world: World) -> None:
    await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    world.verification.bad_answers.add("bad")
    world.apply(tag="churn:2", resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    heal(world)
    await world.rebuild()
    world.apply(tag="churn:2", resources=marked("bad"), rollout=hurried(verify=[{"path": "/corrected"}]))
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert not world.failed()
    await quiet(world)


async def test_nothing_is_made_before_the_bucket_told_what_it_knows(world: World) -> None:
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    world.verification.bad_answers.add("bad")
    world.apply(tag="churn:2", resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    await world.rebuild()
    world.release_store.failure = BucketUnreachable("no answer")
    world.empty_store = True
    world.apply(tag="churn:2", resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert world.condition() == "False/BucketUnreachable"
    assert not world.all("BentoDeployment")
    world.release_store.failure = None
    await world.run(passes=80)
    assert world.address() == good


async def test_a_release_that_failed_after_it_served_is_not_the_one_to_come_back(world: World) -> None:
    rollout = hurried(watch={"seconds": 60, "maxErrorRatio": "0.1"})
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=rollout)
    bad = await serve(world, tag="churn:1", resources=marked("bad"), rollout=rollout)
    world.guard.spoil("bad")
    await world.run(passes=80)
    assert world.address() == good
    await world.rebuild()
    world.apply(tag="churn:1", resources=marked("bad"), rollout=rollout)
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (good, "False/ErrorRatioExceeded")
    assert bad not in world.releases()
    await quiet(world)


async def test_a_model_of_the_same_name_after_a_deletion_starts_from_what_the_bucket_kept(
    world: World,
) -> None:
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    world.verification.bad_answers.add("bad")
    world.apply(tag="churn:1", resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    world.delete()
    await world.run(passes=5)
    assert not world.all("BentoDeployment")
    world.apply(tag="churn:1", resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (good, "False/PredictionNotFinite")
    await quiet(world)


async def test_a_model_without_a_past_is_not_troubled_by_an_empty_bucket(world: World) -> None:
    await serve(world, rollout=ROLLOUT)
    assert len(world.release_store.records()) == 1


async def test_only_failures_in_the_bucket_leave_the_model_stalled(world: World) -> None:
    world.verification.bad_answers.add("bad")
    world.apply(resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    await world.rebuild()
    world.verification.asked.clear()
    world.apply(resources=marked("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (None, "False/PredictionNotFinite")
    assert world.condition("Stalled") == "True/PredictionNotFinite"
    await quiet(world)


async def test_the_strategy_in_place_comes_back_too(world: World) -> None:
    rollout = hurried(strategy="InPlace")
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=rollout)
    world.yatai.crashing.add("bad")
    world.apply(tag="churn:2", resources=marked("bad"), rollout=rollout)
    await world.run(passes=80)
    assert world.address() == good
    await world.rebuild()
    world.empty_store = True
    world.apply(tag="churn:2", resources=marked("bad"), rollout=rollout)
    await world.run(passes=80)
    assert (world.address(), world.takes_in()) == (good, [good])
    await quiet(world)


async def test_a_lost_status_alone_makes_no_rollout(world: World) -> None:
    """Somebody cleared the status, or restored the objects without it."""
    release = await serve(world, resources=marked("A"), rollout=ROLLOUT)
    place = ("E2IModel", "models", "churn")
    world.kube.put(place, {**world.kube.objects[place], "status": {}})
    world.kube.writes.clear()
    await world.run(passes=20)
    assert (world.address(), world.condition()) == (release, "True/Ready")
    assert world.history() == [(release, "Serving")]
    assert {kind for _, kind in world.kube.writes} <= {"E2IModel", "Event"}


# The values of the environment stay in the cluster.

SECRET = "correct horse battery staple"


def env(mode: str) -> list[dict[str, str]]:
    return [{"name": "MODE", "value": mode}, {"name": "PASSWORD", "value": SECRET}]


async def test_no_value_of_a_variable_reaches_the_bucket(world: World) -> None:
    await serve(world, env=env("A"), rollout=ROLLOUT)
    world.yatai.crashing.add("bad")
    world.apply(env=env("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert {each.result for each in world.release_store.records()} == {"Served", "Failed"}
    stored = b"".join(world.release_store.objects.values())
    assert SECRET.encode() not in stored
    assert b'"PASSWORD"' in stored


async def test_a_release_with_the_environment_of_the_spec_comes_back(world: World) -> None:
    good = await serve(world, tag="churn:1", env=env("A"), resources=marked("A"), rollout=ROLLOUT)
    world.yatai.bad_builds.add(digest_of("churn:2"))
    world.apply(tag="churn:2", env=env("A"), resources=marked("A"), rollout=ROLLOUT)
    await world.run(passes=80)
    await world.rebuild()
    world.apply(tag="churn:2", env=env("A"), resources=marked("A"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (good, "False/BuildFailed")


async def test_a_release_whose_environment_only_the_lost_cluster_had_is_named(world: World) -> None:
    good = await serve(world, env=env("A"), rollout=ROLLOUT)
    world.yatai.crashing.add("bad")
    world.apply(env=env("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert world.address() == good
    await world.rebuild()
    world.apply(env=env("bad"), rollout=ROLLOUT)
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (None, "False/CrashLoop")
    ready = next(each for each in world.status()["conditions"] if each["type"] == "Ready")
    assert f"Release {good} of churn:1 was good and cannot be restored" in ready["message"]
    assert "(MODE, PASSWORD)" in ready["message"]
    assert await serve(world, env=env("A"), rollout=ROLLOUT) == good


async def test_an_edit_in_place_goes_back_to_the_environment_before_it(world: World) -> None:
    """Also if another operator began in between: the only deployment keeps it."""
    rollout = hurried(strategy="InPlace")
    await serve(world, env=env("first"), rollout=rollout)
    good = await serve(world, env=env("A"), rollout=rollout)
    world.yatai.crashing.add("bad")
    world.apply(env=env("bad"), rollout=rollout)
    await world.run(passes=3)
    await world.restart()
    await world.run(passes=80)
    assert (world.address(), world.condition("RolledBack")) == (good, "True/CrashLoop")
    assert world.all("BentoDeployment")[0]["spec"]["envs"] == env("A")
    world.apply(env=env("other"), rollout=rollout)
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
