"""Models that a backup brought back: by `kubectl e2i restore`, or by a tool that leaves status and owners out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from support.scenes import hurried, marked, mode, quiet, serve, until
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.api.restored import RESTORED_ANNOTATION, Restored, encode

ROLLOUT: dict[str, Any] = hurried(verify=[{"path": "/predict"}])
MODEL = (naming.KIND, NAMESPACE, "churn")
NEXT = {"tag": "churn:2", "resources": marked("bad"), "rollout": ROLLOUT}


def note(world: World, env: tuple[tuple[str, str], ...] = ()) -> str:
    """What `kubectl e2i restore` writes of the model as it is now."""
    status = world.status()
    lists = {name: status[name] for name in ("history", "failedReleases") if name in status}
    return encode(Restored(at=world.now + timedelta(seconds=10), env=env, status=lists))


def restore(world: World, written: str, **spec: Any) -> None:
    with world.unwatched():
        world.apply(**spec)
    body = world.kube.objects[MODEL]
    metadata = {**body["metadata"], "annotations": {RESTORED_ANNOTATION: written}}
    world.kube.put(MODEL, {**body, "metadata": metadata})


async def settled(world: World) -> None:
    """When predecessors are gone, nothing is written any more."""
    await world.run(passes=60)
    await quiet(world)


@pytest.mark.parametrize("empty_store", [False, True])
async def test_what_served_comes_back_before_a_newer_release_is_tried(
    world: World, empty_store: bool
) -> None:
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    written = note(world)
    await world.rebuild()
    await world.pass_time(20)
    restore(world, written, tag="churn:2", rollout=ROLLOUT)
    await until(world, lambda: world.address() == good)
    assert world.releases() == [good], "nothing else was begun"
    assert world.verification.asked == [f"churn-{good}"], "it is the one that was verified there"
    await until(world, lambda: world.condition() == "True/Ready")
    assert world.address() != good
    assert [result for _, result in world.history()] == ["Serving", "Superseded"]
    await settled(world)


async def test_a_newer_release_that_fails_leaves_the_one_that_came_back(world: World) -> None:
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    written = note(world)
    await world.rebuild()
    world.verification.bad_answers.add("bad")
    restore(world, written, **NEXT)
    await world.run(passes=80)
    assert (world.address(), world.takes_in()) == (good, [good])
    assert world.condition("RolledBack") == "True/PredictionNotFinite"
    await settled(world)


async def test_a_release_in_quarantine_stays_there(world: World) -> None:
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    world.verification.bad_answers.add("bad")
    world.apply(**NEXT)
    await world.run(passes=80)
    assert world.condition("RolledBack") == "True/PredictionNotFinite"
    written = note(world)
    world.verification.asked.clear()
    await world.rebuild()
    restore(world, written, **NEXT)
    await world.run(passes=80)
    assert world.takes_in() == [good]
    assert world.condition("RolledBack") == "True/PredictionNotFinite"
    assert world.verification.asked == [], "nothing is asked of the one that failed"
    assert [result for _, result in world.history()] == ["Failed", "Serving"]
    await settled(world)


async def test_a_failure_is_not_forgotten_while_its_bento_is_in_no_store(world: World) -> None:
    """Restored beside an empty bucket: which release the spec asks for is known when the bento store is back."""
    await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    world.verification.bad_answers.add("bad")
    world.apply(**NEXT)
    await world.run(passes=80)
    written = note(world)
    world.verification.asked.clear()
    await world.rebuild()
    world.release_store.lose_everything()
    world.empty_store = True
    restore(world, written, **NEXT)
    await world.run(passes=80)
    assert world.condition() == "False/BentoNotFound"
    await world.restart()
    world.empty_store = False
    await world.pass_time(600)
    await world.run(passes=80)
    assert world.verification.asked == [], "nothing is asked of the one that failed"
    assert (world.address(), world.condition()) == (None, "False/PredictionNotFinite")


async def test_the_values_of_its_environment_come_with_the_note(world: World) -> None:
    good = await serve(world, env=mode("A"), rollout=ROLLOUT)
    written = note(world, env=(("MODE", "A"),))
    await world.rebuild()
    restore(world, written, env=mode("B"), rollout=ROLLOUT)
    await until(world, lambda: world.address() == good)
    await until(world, lambda: world.condition() == "True/Ready")
    assert world.address() != good


async def test_what_the_spec_asks_for_is_verified_although_it_served(world: World) -> None:
    spec = {"tag": "churn:1", "resources": marked("A"), "rollout": ROLLOUT}
    release = await serve(world, **spec)
    written = note(world)
    await world.rebuild()
    restore(world, written, **spec)
    await until(world, lambda: world.condition() == "True/Ready")
    assert world.address() == release
    assert world.verification.asked == [f"churn-{release}"] * 2
    await settled(world)


async def test_another_content_under_the_same_tag_does_not_take_its_place(world: World) -> None:
    spec = {"tag": "churn:1", "resources": marked("A"), "rollout": ROLLOUT}
    release = await serve(world, **spec)
    written = note(world)
    await world.rebuild()
    world.digests["churn:1"] = "sha256:" + "9" * 64
    restore(world, written, **spec)
    await until(world, lambda: world.condition() == "True/Ready")
    assert world.address() == release


async def test_with_a_lost_bucket_the_spec_is_followed(world: World) -> None:
    await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    written = note(world)
    world.release_store.objects.clear()
    world.release_store.uploaded.clear()
    await world.rebuild()
    restore(world, written, tag="churn:2", rollout=ROLLOUT)
    await until(world, lambda: world.condition() == "True/Ready")
    assert [result for _, result in world.history()] == ["Serving", "Superseded"]


async def test_one_that_does_not_come_back_holds_up_the_spec_no_longer_than_a_deadline(world: World) -> None:
    await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    written = note(world)
    await world.rebuild()
    world.yatai.bad_pods.add("A")
    restore(world, written, tag="churn:2", rollout=ROLLOUT)
    await until(world, lambda: world.condition() == "True/Ready")
    await settled(world)


async def test_a_note_that_cannot_be_read_is_told(world: World) -> None:
    restore(world, "{", tag="churn:1")
    await world.run(passes=5)
    assert world.condition() == "False/SpecUnreadable"
    assert "remove the annotation" in world.status()["conditions"][0]["message"]


# A tool that restores the objects themselves.


def saved(world: World) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """The objects that people and the operator made, as a backup has them: no status, no uid, no owner."""
    kinds = ("BentoRequest", "BentoDeployment", naming.KIND, "Service")
    kept = ("name", "namespace", "labels", "annotations")
    return {
        place: {
            **{field: value for field, value in body.items() if field != "status"},
            "metadata": {field: body["metadata"][field] for field in kept if field in body["metadata"]},
        }
        for kind in kinds
        for place, body in world.kube.objects.items()
        if place[0] == kind and ("labels" in body["metadata"] or kind == naming.KIND)
    }


@pytest.mark.parametrize("late", ["", "Service"], ids=["at once", "the Service comes later"])
async def test_restored_objects_come_back_to_what_served(world: World, late: str) -> None:
    """The spec asks for a release that had just been made."""
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    world.yatai.bad_pods.add("bad")
    world.apply(**NEXT)
    await until(world, lambda: len(world.releases()) == 2)
    backup = saved(world)
    await world.rebuild()
    world.yatai.bad_pods.clear()
    for place, body in backup.items():
        if place[0] != late:
            world.kube.put(place, body)
    await until(world, lambda: world.address() == good)
    for place, body in backup.items():
        if place[0] == late and place not in world.kube.objects:
            world.kube.put(place, body)
    await until(world, lambda: world.condition() == "True/Ready")
    assert world.address() != good, "then the spec is followed"
    uid = world.kube.objects[MODEL]["metadata"]["uid"]
    owners = {body["metadata"]["ownerReferences"][0]["uid"] for body in world.all("BentoDeployment")}
    assert owners == {uid}
    await settled(world)


async def test_restored_objects_remember_what_failed(world: World) -> None:
    good = await serve(world, tag="churn:1", resources=marked("A"), rollout=ROLLOUT)
    world.verification.bad_answers.add("bad")
    world.apply(**NEXT)
    await world.run(passes=80)
    backup = saved(world)
    await world.rebuild()
    world.verification.asked.clear()
    for place, body in backup.items():
        world.kube.put(place, body)
    await world.run(passes=80)
    assert world.takes_in() == [good]
    assert world.condition("RolledBack") == "True/PredictionNotFinite"
    assert world.verification.asked == []
    await settled(world)
