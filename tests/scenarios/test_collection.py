"""What is removed when no kept release needs it, and what never is."""

from __future__ import annotations

import pytest
from support.builders import an_artifact
from support.scenes import hurried, mode, quiet, serve, until
from support.world import World, digest_of

from e2i.api import naming
from e2i.archive.errors import BucketUnreachable


def uri(tag: str) -> str:
    return an_artifact(tag, digest_of(tag)).uri


def tags(world: World, name: str = "churn") -> set[str]:
    """Of the bentos that a model has an image of."""
    mine = [
        item for item in world.all("BentoRequest") if item["metadata"]["labels"][naming.MODEL_LABEL] == name
    ]
    return {item["metadata"]["annotations"][naming.TAG_ANNOTATION] for item in mine}


async def live(world: World, *numbers: int, limit: int = 1, name: str = "churn") -> None:
    for number in numbers:
        rollout = hurried(revisionHistoryLimit=limit, scaleDownDelaySeconds=0)
        await serve(world, name=name, tag=f"churn:{number}", rollout=rollout)


async def test_images_and_archives_beyond_the_history_go(world: World) -> None:
    await live(world, 1, 2, 3, 4)
    assert tags(world) == {"churn:3", "churn:4"}
    assert world.release_store.gone == {uri("churn:1"), uri("churn:2")}
    await quiet(world)


async def test_without_a_history_only_what_serves_is_kept(world: World) -> None:
    await live(world, 1, 2, limit=0)
    assert tags(world) == {"churn:2"}
    assert world.release_store.gone == {uri("churn:1")}
    await quiet(world)


async def test_an_archive_that_another_model_needs_stays(world: World) -> None:
    await live(world, 1, name="other")
    await live(world, 1, 2, 3, limit=0)
    assert tags(world) == {"churn:3"}
    assert world.release_store.gone == {uri("churn:2")}
    assert world.condition(name="other") == "True/Ready"
    await quiet(world)


async def test_a_bento_whose_archive_went_is_exported_anew_when_it_is_asked_for_again(world: World) -> None:
    await live(world, 1, 2, 3, limit=0)
    world.exports_begun.clear()
    await live(world, 1, limit=0)
    assert world.exports_begun == ["churn:1"]
    assert uri("churn:1") not in world.release_store.gone
    await quiet(world)


async def test_what_is_gone_from_bucket_and_store_is_told(world: World) -> None:
    await live(world, 1, 2, 3, limit=0)
    world.empty_store = True
    release = world.address()
    world.apply(tag="churn:1", rollout=hurried(revisionHistoryLimit=0))
    await world.run(passes=60)
    assert (world.address(), world.condition()) == (release, "False/BentoNotFound")


async def test_a_failed_release_in_the_history_does_not_push_out_the_one_to_go_back_to(world: World) -> None:
    await live(world, 1, 2)
    world.yatai.bad_builds.update(digest_of(f"churn:{number}") for number in (3, 4, 5))
    for number in (3, 4, 5):
        world.apply(tag=f"churn:{number}", rollout=hurried(revisionHistoryLimit=1, scaleDownDelaySeconds=0))
        await world.run(passes=40)
        assert "churn:2" in tags(world), "it serves"
    assert uri("churn:2") not in world.release_store.gone
    assert len(tags(world)) <= 3
    await quiet(world)


async def test_a_bucket_out_of_reach_delays_the_removal_and_nothing_else(world: World) -> None:
    await live(world, 1, 2)
    world.apply(tag="churn:3", rollout=hurried(revisionHistoryLimit=1, scaleDownDelaySeconds=10))
    second = world.address()
    await until(world, lambda: world.address() != second)
    world.release_store.failure = BucketUnreachable("no answer")
    await world.run(passes=30)
    assert world.condition() == "True/Ready", "nothing that a user asked for is missing"
    assert "churn:1" in tags(world), "the request still tells of the archive"
    world.release_store.failure = None
    await world.run(passes=60)
    assert tags(world) == {"churn:2", "churn:3"}
    assert uri("churn:1") in world.release_store.gone
    await quiet(world)


@pytest.mark.parametrize("failing", ["bad build", "bad pods"])
async def test_the_archive_of_the_last_good_release_stays_while_another_one_fails(
    world: World, failing: str
) -> None:
    await live(world, 1, limit=0)
    if failing == "bad build":
        world.yatai.bad_builds.add(digest_of("churn:2"))
    else:
        world.yatai.crashing.add("bad")
    world.apply(
        tag="churn:2", env=mode("bad"), rollout=hurried(revisionHistoryLimit=0, scaleDownDelaySeconds=0)
    )
    await world.run(passes=80)
    assert world.release_store.gone == set()
    await world.rebuild()
    world.empty_store = True
    world.apply(
        tag="churn:2", env=mode("bad"), rollout=hurried(revisionHistoryLimit=0, scaleDownDelaySeconds=0)
    )
    await world.run(passes=80)
    assert world.shares(), "the last good release can be made of it again"


async def test_a_release_of_a_ready_image_is_kept_for_its_deployment(world: World) -> None:
    """Manual: a failed release's pods stay to be looked at, and so does what they were made of."""
    await live(world, 1)
    world.yatai.crashing.add("bad")
    rollout = hurried(revisionHistoryLimit=0, scaleDownDelaySeconds=0, rollback="Manual")
    world.apply(tag="churn:2", env=mode("bad"), rollout=rollout)
    await world.run(passes=80)
    assert tags(world) == {"churn:1", "churn:2"}
    assert world.release_store.gone == set()
    await quiet(world)
