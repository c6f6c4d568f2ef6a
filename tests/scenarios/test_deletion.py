"""A model that goes: what goes with it, and what stays in the bucket."""

from __future__ import annotations

from unittest.mock import Mock

from support.builders import an_artifact
from support.remembered import places
from support.scenes import hurried, mode, quiet, serve
from support.world import World, digest_of

from e2i.api import naming
from e2i.api.model import FINALIZER
from e2i.archive.errors import BucketUnreachable
from e2i.controller.edge.notifier import Notifier

PLACE = (naming.KIND, "models", "churn")


def finalizers(world: World) -> list[str]:
    found: list[str] = world.kube.objects[PLACE]["metadata"].get("finalizers", [])
    return found


def uri(tag: str) -> str:
    return an_artifact(tag, digest_of(tag)).uri


async def test_retain_needs_no_finalizer_and_leaves_the_bucket_as_it_is(world: World) -> None:
    await serve(world)
    assert finalizers(world) == []
    world.delete()
    await world.run()
    assert world.kube.objects == {}
    assert world.release_store.gone == set()
    assert len(world.release_store.records()) == 1


async def test_delete_empties_the_bucket_before_the_model_goes(world: World) -> None:
    for number in (1, 2):
        await serve(world, tag=f"churn:{number}", deletionPolicy="Delete", rollout=hurried())
    assert finalizers(world) == [FINALIZER]
    await quiet(world)
    world.delete()
    await world.run(passes=5)
    assert PLACE not in world.kube.objects
    assert world.release_store.gone == {uri("churn:1"), uri("churn:2")}
    assert world.release_store.records() == []


async def test_the_bucket_is_emptied_once_although_the_watch_tells_late_that_the_model_is_gone(
    world: World,
) -> None:
    await serve(world, deletionPolicy="Delete")
    world.delete()
    world.kube.writes.clear()
    with world.unwatched():
        await world.run(passes=5)
    assert PLACE not in world.kube.objects
    assert world.kube.writes["apply", naming.KIND] == 1


async def test_delete_waits_for_the_bucket_and_says_so(world: World) -> None:
    await serve(world, deletionPolicy="Delete")
    world.release_store.failure = BucketUnreachable("no answer")
    world.delete()
    await world.run(passes=30)
    assert world.condition() == "False/BucketUnreachable"
    world.release_store.failure = None
    await world.run(passes=30)
    assert PLACE not in world.kube.objects
    assert world.release_store.records() == []


async def test_a_deletion_that_waits_for_the_bucket_goes_on_once_it_is_told_to_retain(world: World) -> None:
    await serve(world, deletionPolicy="Delete")
    world.release_store.failure = BucketUnreachable("no answer")
    world.delete()
    await world.run(passes=10)
    world.apply(deletionPolicy="Retain")
    await world.run(passes=10)
    assert PLACE not in world.kube.objects
    assert len(world.release_store.records()) == 1


async def test_the_policy_may_be_changed_back_and_forth(world: World) -> None:
    await serve(world)
    world.kube.writes.clear()
    for policy, expected in (("Delete", [FINALIZER]), ("Retain", []), ("Delete", [FINALIZER])):
        await serve(world, deletionPolicy=policy)
        assert finalizers(world) == expected
    assert world.kube.writes["apply", naming.KIND] == 3
    await quiet(world)


async def test_what_another_model_runs_is_not_deleted(world: World) -> None:
    await serve(world, name="other", tag="churn:1")
    await serve(world, tag="churn:1", deletionPolicy="Delete")
    world.delete()
    await world.run(passes=10)
    assert PLACE not in world.kube.objects
    assert world.release_store.gone == set()
    assert world.release_store.records() == []
    assert len(world.release_store.records("other")) == 1
    assert world.condition(name="other") == "True/Ready"


async def test_the_last_good_archive_of_another_model_whose_pods_are_gone_is_not_deleted(
    world: World,
) -> None:
    await serve(world, name="other", tag="churn:1", rollout=hurried())
    await serve(world, name="other", tag="churn:1", env=mode("B"), rollout=hurried())
    world.delete("other")
    await serve(world, tag="churn:1", deletionPolicy="Delete")
    world.delete()
    await world.run(passes=10)
    assert world.release_store.gone == set(), "the bucket may bring the other model back"


async def test_a_model_that_is_deleted_before_it_was_exported_goes(world: World) -> None:
    world.empty_store = True
    world.apply(deletionPolicy="Delete")
    await world.run(passes=10)
    world.delete()
    await world.run(passes=10)
    assert PLACE not in world.kube.objects


async def test_a_suspended_model_can_be_deleted(world: World) -> None:
    await serve(world, deletionPolicy="Delete")
    world.apply(deletionPolicy="Delete", suspend=True)
    await world.run(passes=10)
    world.delete()
    await world.run(passes=10)
    assert PLACE not in world.kube.objects
    assert world.release_store.records() == []


async def test_nothing_is_remembered_of_a_model_that_is_gone(world: World) -> None:
    """Models come and go for as long as the process lives."""
    await serve(world, env=mode("A"))
    await serve(world, env=mode("B"))
    world.yatai.bad_pods.add("C")
    world.apply(env=mode("C"), rollout=hurried(progressDeadlineSeconds=10))
    await world.run(passes=40)
    uid = world.kube.objects[PLACE]["metadata"]["uid"]
    notifier = Mock(spec=Notifier)
    object.__setattr__(world.clients, "notifiers", (notifier,))
    assert "cache._seen" in set(places(world.clients, "churn"))
    world.delete()
    await world.run()
    left = {place for word in ("churn", uid) for place in places(world.clients, word)}
    # These are forgotten in their time, with those of other models.
    assert {place for place in left if not place.endswith("_use._claims")} == set()
    notifier.forget.assert_called_with(("models", "churn"))
    assert [*places(world.operator._uids, "churn"), *places(world.queue, "churn")] == []
