"""The PodDisruptionBudget of a model: the pods at its address, while there may be more than one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.scenes import hurried, mode, quiet, serve, until
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.kube import ApiError

PLACE = ("PodDisruptionBudget", NAMESPACE, "churn")
CANARY = hurried(strategy="Canary", steps=[{"setWeight": 50}, {"pause": {}}])


def budget(world: World) -> Mapping[str, Any] | None:
    found = world.kube.objects.get(PLACE)
    return found["spec"] if found else None


def selected(world: World) -> Mapping[str, str]:
    found = budget(world)
    assert found
    assert found["maxUnavailable"] == 1
    labels: Mapping[str, str] = found["selector"]["matchLabels"]
    return labels


async def test_a_model_with_one_pod_has_none(world: World) -> None:
    await serve(world)
    assert budget(world) is None


async def test_it_comes_and_goes_with_the_number_of_pods(world: World) -> None:
    release = await serve(world, replicas=2)
    assert selected(world) == naming.pod_labels("churn", release)
    await quiet(world)
    await serve(world, replicas=1)
    assert budget(world) is None
    await serve(world, autoscaling={"minReplicas": 1, "maxReplicas": 3})
    assert budget(world)
    world.apply(replicas=0)
    await world.run()
    assert budget(world) is None


async def test_it_follows_the_address_and_leaves_out_the_pods_of_a_trial(world: World) -> None:
    first = await serve(world, replicas=2, env=mode("A"), rollout=hurried())
    world.yatai.bad_pods.add("B")
    world.apply(replicas=2, env=mode("B"), rollout=hurried())
    await world.run(passes=20)
    assert selected(world) == naming.pod_labels("churn", first)
    world.yatai.bad_pods.clear()
    await until(world, lambda: world.address() != first)
    await world.run()
    assert selected(world) == naming.pod_labels("churn", world.address() or "")


async def test_it_has_the_pods_of_both_releases_during_a_canary(world: World) -> None:
    await serve(world, replicas=2, env=mode("A"), rollout=CANARY)
    world.apply(replicas=2, env=mode("B"), rollout=CANARY)
    await until(world, lambda: world.condition() == "False/CanaryPaused")
    await world.run(passes=3)
    assert selected(world) == {naming.MODEL_LABEL: "churn"}


@pytest.mark.parametrize(
    "edit", [{"maxUnavailable": "100%"}, {"selector": {"matchLabels": {"app": "x"}}}, {"minAvailable": 0}]
)
async def test_an_edited_one_is_as_rendered_again(world: World, edit: dict[str, Any]) -> None:
    await serve(world, replicas=2)
    before = budget(world)
    world.edit("PodDisruptionBudget", "churn", **edit)
    await world.run(passes=3)
    assert budget(world) == before


async def test_a_deleted_one_comes_back_whatever_the_spec_asks_for(world: World) -> None:
    await serve(world, replicas=2)
    world.apply(tag="missing:1", replicas=2)
    await world.run(passes=5)
    world.kube.remove(PLACE)
    await world.run(passes=5)
    assert budget(world)
    assert world.condition() == "False/BentoNotFound"


async def test_one_of_somebody_else_with_its_name_stays(world: World) -> None:
    theirs = {
        "kind": PLACE[0],
        "metadata": {"name": "churn", "namespace": NAMESPACE},
        "spec": {"minAvailable": 1},
    }
    world.kube.put(PLACE, theirs)
    await serve(world, replicas=2)
    await world.run(passes=10)
    assert budget(world) == {"minAvailable": 1}
    assert world.condition() == "True/Ready"


async def test_one_that_an_earlier_model_left_without_an_owner_is_taken_over(world: World) -> None:
    await serve(world, replicas=2)
    left = world.kube.objects[PLACE]
    world.kube.put(PLACE, {**left, "metadata": {**left["metadata"], "ownerReferences": []}})
    world.edit(PLACE[0], "churn", maxUnavailable=2)
    await world.run(passes=5)
    assert selected(world)
    (owner,) = world.kube.objects[PLACE]["metadata"]["ownerReferences"]
    assert owner["name"] == "churn"


async def test_that_it_cannot_be_written_holds_nothing_up(world: World) -> None:
    original = world.kube._write

    def refuse(verb: str, resource: Any) -> None:
        if resource.kind == PLACE[0]:
            raise ApiError(403, "Forbidden", "poddisruptionbudgets.policy is forbidden")
        original(verb, resource)

    world.kube._write = refuse  # type: ignore[method-assign]
    first = await serve(world, replicas=2, env=mode("A"), rollout=hurried())
    second = await serve(world, replicas=2, env=mode("B"), rollout=hurried())
    await world.run(passes=40)
    assert (first != second, world.condition(), world.releases()) == (True, "True/Ready", [second])


async def test_it_goes_with_its_model(world: World) -> None:
    await serve(world, replicas=2)
    world.delete()
    assert budget(world) is None


async def test_suspended_nothing_is_done_about_it(world: World) -> None:
    await serve(world, replicas=2)
    world.apply(replicas=2, suspend=True)
    await world.run(passes=3)
    world.edit("PodDisruptionBudget", "churn", maxUnavailable=2)
    await world.run(passes=3)
    assert (budget(world) or {})["maxUnavailable"] == 2
