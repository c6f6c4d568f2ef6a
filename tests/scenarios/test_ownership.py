"""Children whose owner or labels somebody took away, and objects that only look like children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.scenes import hurried, mode, quiet, serve, until
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.api.conditions import timestamp

MODEL = (naming.KIND, NAMESPACE, "churn")
ROLLOUT = hurried(scaleDownDelaySeconds=30)


def relabel(world: World, place: tuple[str, str, str], labels: Mapping[str, str]) -> None:
    old = world.kube.objects[place]
    world.kube.put(place, {**old, "metadata": {**old["metadata"], "labels": dict(labels)}})


def place_of(world: World, kind: str, part: str = "") -> tuple[str, str, str]:
    return next(place for place in world.kube.objects if place[0] == kind and part in place[2])


@pytest.mark.parametrize("next_one", [{}, {"env": mode("B")}], ids=["the same", "another release"])
async def test_children_that_a_deleted_model_left_are_adopted(world: World, next_one: dict[str, Any]) -> None:
    first = await serve(world, replicas=3)
    pods = {pod["metadata"]["name"] for pod in world.all("Pod")}
    world.kube.orphan(MODEL)
    await world.run(passes=3)
    assert world.shares() == {first: 3}, "they serve on"
    world.apply(**{"replicas": 3} | next_one)
    await world.run(passes=2)
    assert {pod["metadata"]["name"] for pod in world.all("Pod")} >= pods
    await world.run(passes=60)
    assert world.condition() == "True/Ready"
    assert (world.address() == first) is (not next_one)
    owners = {item["metadata"]["ownerReferences"][0]["uid"] for item in world.all("BentoDeployment")}
    assert owners == {world.kube.objects[MODEL]["metadata"]["uid"]}
    await quiet(world)


@pytest.mark.parametrize("state", ["gone", "made anew", "terminating"])
async def test_a_model_whose_deletion_was_not_yet_heard_of_adopts_nothing(world: World, state: str) -> None:
    """The watch of the children is faster than that of the models; the collector takes all that name a dead owner."""
    first = await serve(world)
    before = world.kube.objects[MODEL]
    with world.unwatched():
        for place, item in world.kube.owned(before["metadata"]["uid"]):
            world.kube.put(place, {**item, "metadata": {**item["metadata"], "ownerReferences": []}})
        if state == "terminating":
            marked = {"deletionTimestamp": timestamp(world.now), "finalizers": ["orphan"]}
            world.kube.put(MODEL, {**before, "metadata": before["metadata"] | marked})
        else:
            world.kube.remove(MODEL)
        if state == "made anew":
            world.apply()
    for kind in ("BentoRequest", "BentoDeployment", "Service"):
        world.deliver(kind, "MODIFIED", world.kube.objects[place_of(world, kind)])
    await world.run_due()
    owners = [item["metadata"]["ownerReferences"] for item in world.all("BentoDeployment")]
    assert owners == [[]]
    assert world.address() == first


async def test_an_object_without_an_owner_that_is_no_child_is_somebody_else_s(world: World) -> None:
    """It has our labels, but the operator never makes a BentoDeployment of this name."""
    world.stranger("BentoDeployment", "churn-copy")
    relabel(world, ("BentoDeployment", NAMESPACE, "churn-copy"), naming.labels("churn", "0000aaaa"))
    before = world.kube.objects["BentoDeployment", NAMESPACE, "churn-copy"]
    world.apply()
    await world.run(passes=60, yatai=False)
    assert world.kube.objects["BentoDeployment", NAMESPACE, "churn-copy"] == before


@pytest.mark.parametrize("kind", ["BentoDeployment", "BentoRequest", "Service"])
async def test_labels_that_somebody_removed_come_back(world: World, kind: str) -> None:
    release = await serve(world)
    before = world.kube.objects[place_of(world, kind)]["metadata"]["labels"]
    relabel(world, place_of(world, kind), {})
    await world.run(passes=5)
    assert world.kube.objects[place_of(world, kind)]["metadata"]["labels"] == before
    assert (world.address(), world.condition()) == (release, "True/Ready")
    await quiet(world)


async def test_a_deployment_of_yatai_that_loses_its_label_condemns_nobody(world: World) -> None:
    """The operator sees it no more until yatai-deployment has put the label back. What served before helps out."""
    first = await serve(world, env=mode("A"), rollout=ROLLOUT)
    world.apply(env=mode("B"), rollout=ROLLOUT)
    await until(world, lambda: world.address() != first)
    second, place = world.address(), place_of(world, "Deployment", world.address() or "")
    world.yatai.halted.add("deployer")
    relabel(world, place, {naming.RELEASE_LABEL: second or ""})
    await world.run(passes=5)
    assert world.takes_in() in ([first], [second])
    world.yatai.halted.clear()
    await until(world, lambda: world.address() == second)
    assert (world.failed(), world.condition("Stalled")) == ([], "nothing")


async def test_a_predecessor_without_labels_is_removed_in_its_time(world: World) -> None:
    first = await serve(world, env=mode("A"), rollout=ROLLOUT)
    world.apply(env=mode("B"), rollout=ROLLOUT)
    await until(world, lambda: world.address() != first)
    relabel(world, place_of(world, "BentoDeployment", first), {})
    await world.run(passes=60)
    names = [item["metadata"]["name"] for item in world.all("BentoDeployment")]
    assert names == [naming.release_name("churn", world.address() or "")]
    await quiet(world)


async def test_a_planted_deployment_counts_for_nothing(world: World) -> None:
    """It names the next release's BentoDeployment as its owner, and says that all its pods are ready."""
    first = await serve(world, env=mode("A"), rollout=ROLLOUT)
    world.yatai.bad_pods.add("B")
    world.apply(env=mode("B"), rollout=ROLLOUT)
    await until(world, lambda: len(world.releases()) == 2)
    owner = world.kube.objects[place_of(world, "BentoDeployment", world.status()["desiredRelease"])]
    labels = owner["metadata"]["labels"]
    reference = {"uid": owner["metadata"]["uid"], "controller": True, "kind": "BentoDeployment", "name": "x"}
    body = {
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": NAMESPACE, "labels": labels, "ownerReferences": [reference]},
        "spec": {"replicas": 1, "mode": "C"},
    }
    world.kube.put(("Deployment", NAMESPACE, "a"), body)
    await world.run(passes=30)
    assert world.takes_in() == [first]


async def test_a_changed_bento_names_the_image_that_was_built_again(world: World) -> None:
    """Yatai runs whatever image a Bento names, and the image builder never looks at it again."""
    release = await serve(world, rollout={"verify": [{"path": "/predict", "body": "{}"}]})
    (bento,) = world.all("Bento")
    built = running(world)
    world.kube.put(("Bento", NAMESPACE, bento["metadata"]["name"]), {**bento, "spec": {"image": "evil"}})
    await until(world, lambda: running(world) == {"evil"})
    await until(world, lambda: running(world) == built)
    await world.run()
    assert (world.condition(), world.address()) == ("True/Ready", release)
    assert "ImageChanged" in world.told()
    assert world.kube.writes["patch", "Bento"] == 1
    await quiet(world)


async def test_a_bento_that_somebody_else_made_in_its_place_is_told_and_left_as_it_is(world: World) -> None:
    await serve(world)
    (bento,) = world.all("Bento")
    metadata = {**bento["metadata"], "ownerReferences": []}
    place = ("Bento", NAMESPACE, bento["metadata"]["name"])
    world.kube.put(place, {**bento, "metadata": metadata, "spec": {"image": "other"}})
    await world.run()
    assert running(world) == {"other"}
    assert world.kube.writes["patch", "Bento"] == 0
    assert world.condition() == "False/NameTaken"
    world.kube.remove(place)
    await until(world, lambda: world.condition() == "True/Ready")
    assert running(world) == {f"registry.example/bentos:{bento['metadata']['name']}"}


async def test_a_bento_deployment_with_the_name_of_the_model_is_told(world: World) -> None:
    """Yatai writes over the model's Service for it, and never asks whose that is."""
    release = await serve(world)
    place = ("Service", NAMESPACE, "churn")
    # The operator has put the address back, and its own labels beside Yatai's.
    written = {**world.kube.objects[place]["metadata"]["labels"], naming.YATAI_LABEL: "churn"}
    relabel(world, place, written)
    await world.run(passes=5)
    assert world.condition() == "True/Ready", "such a label alone says nothing"
    world.stranger("BentoDeployment", "churn")
    relabel(world, place, written)
    await until(world, lambda: world.condition() == "False/NameTaken")
    assert world.address() == release
    world.kube.remove(("BentoDeployment", NAMESPACE, "churn"))
    await until(world, lambda: world.condition() == "True/Ready")
    await quiet(world)


def running(world: World) -> set[str]:
    """The images that Deployments ask for."""
    pods = [body["spec"]["template"]["spec"] for body in world.all("Deployment")]
    return {pod["containers"][0]["image"] for pod in pods}
