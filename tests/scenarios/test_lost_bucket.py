"""The bucket is lost or emptied while models serve: what the store still has comes back, the rest is said once."""

from __future__ import annotations

from typing import Any

import pytest
from support.scenes import hurried, quiet, serve
from support.world import World

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.api.release_record import SERVED
from e2i.archive.errors import BucketNotFound

ROLLOUT: dict[str, Any] = hurried(verify=[{"path": "/predict"}])


def missing(world: World) -> int:
    """What the metrics show."""
    return world.operator.picture().missing


async def look(world: World) -> None:
    """The operator looks what the bucket lacks, and does what follows."""
    assert world.clients.bucket_refill
    await world.clients.bucket_refill.look()
    await world.run(passes=30)


async def test_archives_and_the_record_of_what_serves_are_in_the_bucket_again(world: World) -> None:
    before = await serve(world, tag="churn:1", rollout=ROLLOUT)
    good = await serve(world, tag="churn:2", rollout=ROLLOUT)
    uploaded = dict(world.release_store.uploaded)
    world.release_store.lose_everything()
    await look(world)
    assert world.release_store.uploaded == uploaded, "an image of either can be built again"
    (record,) = world.release_store.records()
    assert (record.release, record.result) == (good, SERVED)
    assert (world.address(), world.condition()) == (good, "True/Ready")
    written = dict(world.release_store.objects)
    await look(world)
    await quiet(world)
    assert world.release_store.objects == written
    # A cluster that is lost afterwards finds what served.
    await world.rebuild()
    world.verification.bad_answers.add("churn:2")
    world.apply(tag="churn:2", rollout=ROLLOUT)
    await world.run(passes=60)
    assert world.address() == good
    assert before != good


async def test_an_archive_that_comes_back_is_missing_no_more(world: World) -> None:
    await serve(world, tag="churn:1", rollout=ROLLOUT)
    world.release_store.lose_everything()
    for empty, count in ((True, 1), (False, 0)):
        world.empty_store = empty
        await look(world)
        assert missing(world) == count


async def test_a_bucket_that_has_everything_is_left_alone(world: World) -> None:
    await serve(world, tag="churn:1", rollout=ROLLOUT)
    written, exports = dict(world.release_store.objects), len(world.exports_begun)
    await look(world)
    assert (world.release_store.objects, len(world.exports_begun)) == (written, exports)


@pytest.mark.parametrize(
    ("why", "lost"), [("the store has no churn:1", True), ("another content under churn:1", False)]
)
async def test_what_the_store_has_not_is_said_once(
    world: World, caplog: pytest.LogCaptureFixture, why: str, lost: bool
) -> None:
    good = await serve(world, tag="churn:1", rollout=ROLLOUT)
    world.release_store.lose_everything()
    world.empty_store = lost
    world.digests["churn:1"] = f"sha256:{'7' * 64}"
    await look(world)
    await look(world)
    said = [line for line in caplog.messages if "cannot be exported again" in line]
    assert len(said) == 1
    assert why in said[0]
    assert (world.release_store.uploaded, missing(world)) == ({}, 1)
    assert (world.address(), world.condition()) == (good, "True/Ready")


async def test_an_archive_that_somebody_overwrote_is_told_until_it_is_whole_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await serve(world, tag="churn:1", rollout=ROLLOUT)
    (uri,) = world.release_store.uploaded
    world.release_store.overwritten[uri] = 100
    conflict = "somebody else wrote it. Look at it, then delete it."
    world.problems["churn:1"] = Problem(reason=Reason.ArchiveConflict, message=conflict)
    await look(world)
    await look(world)
    assert missing(world) == 1
    (said,) = [line for line in caplog.messages if "damaged in the bucket" in line]
    assert uri in said
    assert conflict in said
    assert world.condition() == "True/Ready"
    # What the advice says is done.
    world.release_store.overwritten.clear()
    world.release_store.gone.add(uri)
    world.problems.clear()
    await look(world)
    assert missing(world) == 0
    assert uri not in world.release_store.gone


async def test_nothing_is_done_as_long_as_the_bucket_is_away(world: World) -> None:
    good = await serve(world, tag="churn:1", rollout=ROLLOUT)
    world.release_store.lose_everything()
    world.release_store.failure = BucketNotFound("there is no bucket e2i")
    assert world.clients.bucket_refill
    with pytest.raises(BucketNotFound):
        await world.clients.bucket_refill.look()
    assert (world.address(), world.condition()) == (good, "True/Ready")
    world.release_store.failure = None
    await look(world)
    assert [record.release for record in world.release_store.records()] == [good]
