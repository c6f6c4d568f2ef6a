"""What the status and the ledger remember of a model's releases."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import hurried, mode, quiet, serve, until
from support.world import World, digest_of

from e2i.api import release_record
from e2i.api.conditions import timestamp
from e2i.archive.errors import BucketUnreachable
from e2i.controller.edge.work_queue import LONGEST_DELAY

VERIFY: dict[str, Any] = {"verify": [{"path": "/predict"}]}


async def test_results_through_a_long_life(world: World) -> None:
    rollout = hurried(**VERIFY, scaleDownDelaySeconds=5)
    world.verification.bad_answers.add("bad")
    a = await serve(world, env=mode("A"), rollout=rollout)
    b = await serve(world, env=mode("B"), rollout=rollout)
    world.apply(env=mode("bad"), rollout=rollout)
    await world.run(passes=60)
    bad = world.status()["desiredRelease"]
    assert world.history() == [(bad, "Failed"), (b, "Serving"), (a, "Superseded")]
    assert await serve(world, env=mode("A"), rollout=rollout) == a
    assert world.history() == [(a, "Serving"), (bad, "Failed"), (b, "Superseded"), (a, "Superseded")]
    await quiet(world)


async def test_a_second_failure_of_the_same_release_is_told_beside_the_first(world: World) -> None:
    rollout = hurried(**VERIFY)
    world.verification.bad_answers.add("bad")
    a = await serve(world, env=mode("A"), rollout=rollout)
    world.apply(env=mode("bad"), rollout=rollout)
    await world.run(passes=60)
    bad = world.status()["desiredRelease"]
    world.annotate(retry_at="1")
    await world.run(passes=60)
    assert world.history() == [(bad, "Failed"), (bad, "Failed"), (a, "Serving")]
    assert [each.result for each in world.release_store.records()].count(release_record.FAILED) == 2
    await quiet(world)


@pytest.mark.parametrize("limit", [0, 1, 3])
async def test_the_history_is_bounded_and_always_tells_of_what_serves(world: World, limit: int) -> None:
    rollout = hurried(revisionHistoryLimit=limit, scaleDownDelaySeconds=0)
    for letter in "ABCDEF":
        await serve(world, env=mode(letter), rollout=rollout)
    assert len(world.history()) == limit + 1
    assert world.history()[0] == (world.address(), "Serving")
    world.yatai.crashing.add("bad")
    for number in range(3):
        world.apply(env=[*mode("bad"), {"name": "N", "value": str(number)}], rollout=rollout)
        await world.run(passes=80)
    assert len(world.history()) == limit + 1
    assert (world.address(), "Serving") in world.history()
    await quiet(world)


async def test_an_entry_is_complete(world: World) -> None:
    await serve(world, tag="churn:1", env=mode("A"), rollout=hurried())
    await serve(world, tag="churn:2", env=mode("A"), rollout=hurried())
    new, old = world.status()["history"]
    assert {"release", "bentoTag", "digest", "image", "startedAt", "servedAt", "result"} == set(new)
    assert set(old) == set(new) | {"endedAt"}
    assert (old["bentoTag"], old["digest"]) == ("churn:1", digest_of("churn:1"))
    assert old["startedAt"] <= old["servedAt"] <= old["endedAt"] == new["servedAt"]


async def test_a_record_is_written_before_the_switch_and_can_make_the_release_again(world: World) -> None:
    env = [{"name": "MODE", "value": "A"}, {"name": "LEVEL", "value": "info"}]
    limits = {"limits": {"cpu": "2"}}
    world.apply(env=env, resources=limits, rollout=hurried())
    await until(world, lambda: world.release_store.records())
    assert world.address() in (None, world.release_store.records()[0].release)
    await world.run()
    (record,) = world.release_store.records()
    assert (record.release, record.result) == (world.address(), release_record.SERVED)
    assert (record.shape.env, record.env) == ((), ("MODE", "LEVEL")), "the values stay in the cluster"
    assert record.shape.limits == (("cpu", "2"),)
    assert record.artifact.digest == digest_of("churn:1")
    assert record.image == world.status()["history"][0]["image"]
    assert timestamp(record.started_at) == world.status()["history"][0]["startedAt"]


async def test_a_good_release_waits_for_the_bucket_and_says_so(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=hurried())
    world.release_store.failure = BucketUnreachable("no answer")
    world.apply(env=mode("B"), rollout=hurried())
    await world.run(passes=60)
    assert (world.address(), world.condition()) == (first, "False/BucketUnreachable")
    assert "the record of release" in world.status()["conditions"][0]["message"]
    assert not world.failed()
    world.release_store.failure = None
    await world.run(passes=2 * int(LONGEST_DELAY))
    assert world.condition() == "True/Ready"
    assert len(world.release_store.records()) == 2
    await quiet(world)


async def test_going_back_to_a_release_that_served_is_recorded_once_more(world: World) -> None:
    a = await serve(world, env=mode("A"), rollout=hurried())
    b = await serve(world, env=mode("B"), rollout=hurried())
    await serve(world, env=mode("A"), rollout=hurried())
    assert [each.release for each in world.release_store.records()] == [a, b, a]


async def test_a_to_b_to_a_within_a_second_ends_at_a_and_makes_nothing(world: World) -> None:
    a = await serve(world, tag="churn:1", rollout=hurried())
    world.kube.writes.clear()
    world.exports_begun.clear()
    world.apply(tag="churn:2", rollout=hurried())
    world.apply(tag="churn:1", rollout=hurried())
    await world.run(passes=20)
    assert (world.address(), world.condition()) == (a, "True/Ready")
    assert world.exports_begun == []
    assert {kind for _, kind in world.kube.writes} <= {"E2IModel"}
    assert world.history() == [(a, "Serving")]
