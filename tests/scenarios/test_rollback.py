"""A release that fails: what serves instead, what is told, and when it is tried again."""

from __future__ import annotations

import copy

import pytest
from support.scenes import CAUSES, CHECKED, heal, hurried, mode, quiet, serve, spoil, until
from support.world import World, digest_of

from e2i.api import naming, release_record
from e2i.archive.errors import BucketUnreachable

CURABLE_BY_TIME = {
    "ProgressDeadlineExceeded",
    "CrashLoop",
    "ImagePullFailed",
    "DeploymentRefused",
    "PodsRefused",
}


def apply_bad(world: World, **rollout: object) -> None:
    world.apply(tag="churn:2", env=mode("bad"), rollout=hurried(**CHECKED, **rollout))


async def fail(world: World, cause: str, **rollout: object) -> str:
    """A good release serves, and the next one fails; the good one."""
    first = await serve(world, tag="churn:1", rollout=hurried(**CHECKED, **rollout))
    spoil(world, cause)
    apply_bad(world, **rollout)
    await world.run(passes=160)
    return first


def desired_spec(world: World) -> object:
    return copy.deepcopy(world.kube.objects[naming.KIND, "models", "churn"]["spec"])


@pytest.mark.parametrize("cause", CAUSES)
async def test_the_earlier_release_serves_alone_and_the_failure_is_told(world: World, cause: str) -> None:
    first = await fail(world, cause)
    assert (world.address(), world.takes_in()) == (first, [first])
    assert world.condition() == f"False/{cause}"
    assert world.condition("Stalled") == f"True/{cause}"
    assert world.condition("RolledBack") == f"True/{cause}"
    assert world.condition("ReleaseServing") == "True/Serving"
    assert world.status()["servingRelease"] == first
    assert world.status()["desiredRelease"] != first
    assert world.releases() == [first], "the pods of the failed release are gone after scaleDownDelaySeconds"
    await quiet(world)


@pytest.mark.parametrize("cause", CAUSES)
async def test_the_spec_is_never_written(world: World, cause: str) -> None:
    first = await serve(world, tag="churn:1", rollout=hurried(**CHECKED))
    spoil(world, cause)
    apply_bad(world)
    before = desired_spec(world)
    await world.run(passes=160)
    assert world.address() == first
    assert desired_spec(world) == before


@pytest.mark.parametrize("cause", CAUSES)
async def test_status_and_ledger_keep_the_cause_and_its_evidence(world: World, cause: str) -> None:
    await fail(world, cause)
    (failure,) = world.failed()
    assert failure["reason"] == cause
    assert (failure["release"], failure["bentoTag"]) == (world.status()["desiredRelease"], "churn:2")
    evidence = failure.get("evidence", {})
    if cause in ("CrashLoop", "ImagePullFailed", "ProgressDeadlineExceeded"):
        assert evidence["container"] == "main"
    if cause == "CrashLoop":
        assert (evidence["exitCode"], evidence["terminatedReason"]) == (1, "Error")
        assert evidence["log"] == "the last words"
    if cause == "PredictionNotFinite":
        assert evidence["http"] == "POST /predict -> 200: NaN"
    (record,) = [each for each in world.release_store.records() if each.result == release_record.FAILED]
    assert (record.release, record.trial, record.reason) == (failure["release"], failure["trial"], cause)
    assert dict(record.evidence) == dict(evidence)


@pytest.mark.parametrize("cause", CAUSES)
async def test_it_is_not_tried_again_for_an_hour_and_then_by_a_new_retry_at(world: World, cause: str) -> None:
    first = await fail(world, cause)
    heal(world)
    world.kube.writes.clear()
    await world.run(passes=60, step=60)
    assert world.address() == first
    # An image that comes too late is told, and no more.
    assert {kind for _, kind in world.kube.writes} <= {naming.KIND, "Event"}
    world.annotate(retry_at="now")
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert world.address() == world.status()["desiredRelease"] != first
    assert not world.failed()
    assert world.condition("RolledBack") == "nothing"
    await quiet(world)


async def test_a_retry_takes_what_the_store_has_now(world: World) -> None:
    await fail(world, "CrashLoop")
    (failure,) = world.failed()
    heal(world)
    world.digests["churn:2"] = digest_of("churn:2, with all its files")
    world.annotate(retry_at="now")
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert world.status()["artifact"]["digest"] == world.digests["churn:2"] != failure["digest"]
    await quiet(world)


async def test_content_that_served_is_kept_whatever_the_store_has(world: World) -> None:
    await serve(world, tag="churn:1")
    digest = world.status()["artifact"]["digest"]
    world.digests["churn:1"] = digest_of("churn:1, built again")
    world.yatai.bad_pods.add("broken")
    world.apply(env=mode("broken"), rollout={"progressDeadlineSeconds": 30})
    await world.run(passes=80)
    world.yatai.bad_pods.clear()
    world.annotate(retry_at="now")
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert world.status()["artifact"]["digest"] == digest


@pytest.mark.parametrize("cause", CAUSES)
async def test_another_spec_is_tried_at_once(world: World, cause: str) -> None:
    first = await fail(world, cause)
    world.apply(tag="churn:3", rollout=hurried(**CHECKED))
    await world.run(passes=80)
    assert world.condition() == "True/Ready"
    assert world.address() != first
    assert not world.failed()


@pytest.mark.parametrize("cause", CAUSES)
async def test_manual_leaves_the_address_and_the_pods_as_they_are(world: World, cause: str) -> None:
    first = await fail(world, cause, rollback="Manual")
    failed = world.status()["desiredRelease"]
    assert world.condition() == f"False/{cause}"
    assert world.condition("RolledBack") == "nothing"
    assert failed in world.releases(), "somebody may want to look at it"
    assert world.address() == (failed if cause == "ErrorRatioExceeded" else first)
    await quiet(world)


@pytest.mark.parametrize("cause", CAUSES)
async def test_disabled_gives_nothing_up(world: World, cause: str) -> None:
    first = await serve(world, tag="churn:1", rollout=hurried(**CHECKED, rollback="Disabled"))
    spoil(world, cause)
    apply_bad(world, rollback="Disabled")
    await until(world, lambda: world.condition() == f"False/{cause}")
    await world.run(passes=10)
    assert world.condition() == f"False/{cause}"
    assert not world.failed()
    assert world.condition("RolledBack") == "nothing"
    assert world.status()["desiredRelease"] in world.releases()
    if cause != "ErrorRatioExceeded":
        assert world.address() == first
    if cause in CURABLE_BY_TIME:
        await world.run(passes=120)
        assert cause in world.status()["conditions"][0]["message"] + world.condition()
        heal(world)
        await world.run(passes=200)
        assert world.condition() == "True/Ready", "what comes late is taken all the same"


async def test_the_way_back_is_one_write(world: World) -> None:
    first = await serve(world, tag="churn:1", rollout=hurried(**CHECKED))
    apply_bad(world)
    await until(world, lambda: len(world.guard.begun) == 2)
    world.kube.writes.clear()
    world.guard.spoil("bad")
    begun = world.now
    await until(world, lambda: world.address() == first)
    assert world.kube.writes["apply", "Service"] == 1
    assert (world.now - begun).total_seconds() <= 2, "one pass to note it, one to go back"


async def test_the_way_back_does_not_wait_for_the_failed_release_to_be_noted_in_the_bucket(
    world: World,
) -> None:
    first = await serve(world, tag="churn:1", rollout=hurried(**CHECKED))
    apply_bad(world)
    await until(world, lambda: world.address() != first)
    world.release_store.failure = BucketUnreachable("no answer")
    world.guard.spoil("bad")
    await world.run(passes=3)
    assert world.address() == first
    await world.run(passes=30)
    assert world.condition() == "False/ErrorRatioExceeded", "the bucket is not what is wrong with the model"
    world.release_store.failure = None
    await world.run(passes=90)
    assert [each.result for each in world.release_store.records()].count(release_record.FAILED) == 1
    await quiet(world)


@pytest.mark.parametrize("cause", CAUSES)
async def test_with_nothing_to_go_back_to_the_model_is_stalled_and_quiet(world: World, cause: str) -> None:
    spoil(world, cause)
    apply_bad(world)
    await world.run(passes=160)
    assert cause in world.condition() + world.status()["conditions"][0]["message"]
    assert world.condition("Stalled") == world.condition().replace("False", "True")
    assert world.condition("RolledBack") == "nothing"
    assert [failure["reason"] for failure in world.failed()] == [cause]
    if cause != "DeploymentRefused":
        # Yatai has to be asked again and again, at growing intervals, for what it refused.
        await quiet(world)


async def test_a_release_that_once_served_and_is_bad_the_second_time_is_rolled_back(world: World) -> None:
    bad = await serve(world, tag="churn:1", env=mode("bad"), rollout=hurried(**CHECKED))
    good = await serve(world, tag="churn:1", env=mode("good"), rollout=hurried(**CHECKED))
    spoil(world, "PredictionNotFinite")
    world.apply(tag="churn:1", env=mode("bad"), rollout=hurried(**CHECKED))
    await world.run(passes=80)
    assert (world.address(), world.condition()) == (good, "False/PredictionNotFinite")
    assert world.failed()[0]["release"] == bad


async def test_two_bad_releases_after_a_good_one_leave_the_good_one(world: World) -> None:
    first = await fail(world, "PredictionNotFinite")
    spoil(world, "CrashLoop", "worse")
    world.apply(tag="churn:1", env=mode("worse"), rollout=hurried(**CHECKED))
    await world.run(passes=160)
    assert (world.address(), world.condition()) == (first, "False/CrashLoop")
    apply_bad(world)
    await world.run(passes=160)
    assert (world.address(), world.condition()) == (first, "False/PredictionNotFinite")
    assert world.pods_of(first)


async def test_going_back_in_git_to_what_serves_is_no_rollout(world: World) -> None:
    first = await fail(world, "CrashLoop")
    world.kube.writes.clear()
    world.exports_begun.clear()
    world.apply(tag="churn:1", rollout=hurried(**CHECKED))
    await world.run(passes=40)
    assert (world.address(), world.condition()) == (first, "True/Ready")
    assert not world.failed()
    assert not world.exports_begun
    assert {kind for _, kind in world.kube.writes} <= {naming.KIND, "Event"}
    await quiet(world)


async def test_a_second_release_serves_no_moment_while_the_first_goes_bad(world: World) -> None:
    """The watch of the second crosses its limit in the second in which the third is asked for."""
    first = await serve(world, tag="churn:1", rollout=hurried(**CHECKED))
    apply_bad(world)
    await until(world, lambda: world.address() != first)
    second = world.address()
    world.guard.spoil("bad")
    world.apply(tag="churn:3", rollout=hurried(**CHECKED))
    await world.run(passes=120)
    assert world.condition() == "True/Ready"
    assert world.address() not in (first, second)
    await quiet(world)
