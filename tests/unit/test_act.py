"""Actions against the API server: what is asked of it, and what its refusals become."""

from __future__ import annotations

import pytest
from support.builders import DIGEST, NOON, a_model, a_recipe, a_record, an_artifact
from support.world import World

from e2i.core import naming
from e2i.core.actions import (
    Action,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteDeployment,
    DeleteRequest,
)
from e2i.core.conditions import Reason
from e2i.edge.act import act
from e2i.kube import ApiError

RELEASE = naming.release_of(a_model(), DIGEST)
REQUEST = ApplyRequest(an_artifact())
DEPLOYMENT = ApplyDeployment(a_recipe(a_model(), RELEASE))
SERVICE = ApplyService(RELEASE, naming.pod_labels("churn", RELEASE))


async def perform(world: World, *actions: Action) -> list[tuple[Action, Reason | None]]:
    results = await act(a_model(), actions, world.hands, world.now)
    return [(result.action, result.trouble.reason if result.trouble else None) for result in results]


async def test_what_was_written_is_in_the_view_at_once() -> None:
    world = World()
    with world.unwatched():
        assert await perform(world, REQUEST, DEPLOYMENT) == [(REQUEST, None), (DEPLOYMENT, None)]
    assert world.view.child("BentoRequest", "models", naming.artifact_name("churn", DIGEST))
    assert world.view.child("BentoDeployment", "models", naming.release_name("churn", RELEASE))
    await world.close()


async def test_what_was_deleted_is_out_of_the_view_at_once() -> None:
    world = World()
    await perform(world, REQUEST)
    (request,) = world.all("BentoRequest")
    name = request["metadata"]["name"]
    with world.unwatched():
        await perform(world, DeleteRequest(name, request["metadata"]["uid"]))
    assert world.view.child("BentoRequest", "models", name) is None
    await world.close()


async def test_the_same_again_changes_nothing() -> None:
    world = World()
    await perform(world, REQUEST, DEPLOYMENT)
    before = dict(world.kube.objects)
    await perform(world, REQUEST, DEPLOYMENT)
    assert world.kube.objects == before
    await world.close()


async def test_after_the_first_failure_nothing_more_is_tried() -> None:
    world = World()
    world.kube.fail.append(ApiError(422, "Invalid", "spec.bentoTag: too long"))
    assert await perform(world, REQUEST, DEPLOYMENT) == [(REQUEST, Reason.Refused)]
    assert world.kube.objects == {}
    await world.close()


@pytest.mark.parametrize(
    ("status", "reason", "stalled"),
    [
        (400, Reason.Refused, True),
        (403, Reason.Refused, True),
        (413, Reason.Refused, True),
        (422, Reason.Refused, True),
        (409, Reason.NameTaken, True),
        (404, Reason.YataiNotInstalled, True),
        (429, Reason.ApiUnavailable, False),
        (500, Reason.ApiUnavailable, False),
        (0, Reason.ApiUnavailable, False),
    ],
)
async def test_a_refusal_in_our_words(status: int, reason: Reason, stalled: bool) -> None:
    world = World()
    world.kube.fail.append(ApiError(status, "Word", "their words"))
    (result,) = await act(a_model(), [REQUEST], world.hands, world.now)
    assert result.trouble
    assert (result.trouble.reason, result.trouble.stalled) == (reason, stalled)
    assert result.trouble.message.startswith("the BentoRequest of churn was not written: ")
    await world.close()


async def test_a_namespace_that_is_gone_is_not_a_missing_yatai() -> None:
    world = World()
    world.kube.fail.append(ApiError(404, "NotFound", 'namespaces "models" not found'))
    (result,) = await act(a_model(), [SERVICE], world.hands, world.now)
    assert result.trouble
    assert result.trouble.reason is Reason.ApiUnavailable
    await world.close()


async def test_the_release_that_has_the_address_is_not_deleted_whatever_the_view_says() -> None:
    world = World()
    world.apply(tag="churn:1")
    await world.run()
    (deployment,) = world.all("BentoDeployment")
    metadata = deployment["metadata"]
    release = metadata["labels"][naming.RELEASE_LABEL]
    await perform(world, DeleteDeployment(metadata["name"], metadata["uid"], release))
    assert world.all("BentoDeployment") == [deployment]
    await world.close()


async def test_only_the_very_object_is_deleted() -> None:
    world = World()
    world.apply(tag="churn:1")
    await world.run()
    (request,) = world.all("BentoRequest")
    name = request["metadata"]["name"]
    told = await perform(world, DeleteRequest(name, "uid-of-a-namesake"))
    assert told[0][1] is not None
    assert world.all("BentoRequest") == [request]
    await perform(world, DeleteRequest(name, request["metadata"]["uid"]))
    assert world.all("BentoRequest") == []
    await world.close()
