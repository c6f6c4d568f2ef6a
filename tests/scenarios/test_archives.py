"""Bentos that CI brought to the bucket, for an operator without a store."""

from __future__ import annotations

from typing import Any

from support.builders import an_artifact
from support.scenes import hurried, quiet, serve
from support.world import World, digest_of

OTHER = "sha256:" + "ab" * 32


def brought(world: World, tag: str, digest: str = "") -> dict[str, Any]:
    """spec.bento of an archive that lies in the bucket."""
    digest = digest or digest_of(tag)
    world.empty_store = True
    world.brought.add(an_artifact(tag, digest).uri)
    return {"tag": tag, "archive": {"digest": digest}}


async def test_a_bento_that_was_brought_serves_without_a_store(world: World) -> None:
    await serve(world, bento=brought(world, "churn:1"))
    assert world.exports_begun == [f"churn:1@{digest_of('churn:1')}"]
    await quiet(world)


async def test_an_archive_that_comes_late_is_waited_for(world: World) -> None:
    bento = {"tag": "churn:1", "archive": {"digest": digest_of("churn:1")}}
    world.apply(bento=bento)
    await world.run(passes=10)
    assert world.condition() == "False/BentoNotFound"
    brought(world, "churn:1")
    await world.later()
    await serve(world, bento=bento)
    await quiet(world)


async def test_another_digest_under_the_same_tag_is_another_release(world: World) -> None:
    first = await serve(world, bento=brought(world, "churn:1"))
    second = await serve(world, bento=brought(world, "churn:1", OTHER), rollout=hurried())
    assert second != first
    assert world.status()["artifact"]["digest"] == OTHER
    await quiet(world)


async def test_the_store_has_the_bento_now_and_the_release_stays_what_it_is(world: World) -> None:
    address = await serve(world, bento=brought(world, "churn:1"))
    world.empty_store = False
    assert await serve(world, tag="churn:1") == address
    await quiet(world)


async def test_what_was_brought_stays_in_the_bucket_beyond_the_history(world: World) -> None:
    for number in (1, 2, 3):
        rollout = hurried(revisionHistoryLimit=0, scaleDownDelaySeconds=0)
        await serve(world, bento=brought(world, f"churn:{number}"), rollout=rollout)
    assert len(world.all("BentoRequest")) == 1
    assert world.release_store.gone == set()
    await quiet(world)
