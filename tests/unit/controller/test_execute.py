"""Actions against the API server: what is asked of it, and what its refusals become."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.builders import DIGEST, a_deployment_spec, a_model, a_record, an_artifact
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.model import FINALIZER, Autoscaling
from e2i.archive.errors import BucketUnreachable
from e2i.controller.core.actions import (
    Action,
    Adopt,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteArchive,
    DeleteDeployment,
    DeleteRequest,
    ReadReleaseStore,
    Resize,
    SetFinalizer,
    WriteRecord,
)
from e2i.controller.core.children import BentoDeployment
from e2i.controller.core.evidence.refusals import list_refusal
from e2i.controller.edge.execute import execute
from e2i.controller.edge.refusals import refused
from e2i.kube import ApiError, Object, Resource

RELEASE = naming.release_of(a_model(), DIGEST)
REQUEST = ApplyRequest(an_artifact())
DEPLOYMENT = ApplyDeployment(a_deployment_spec(a_model(), RELEASE))
SERVICE = ApplyService(RELEASE, naming.pod_labels("churn", RELEASE))


async def perform(world: World, *actions: Action) -> list[tuple[Action, Reason | None]]:
    results = await execute(a_model(), actions, world.clients, world.now)
    return [(result.action, result.problem.reason if result.problem else None) for result in results]


async def test_what_was_written_is_in_the_cache_at_once() -> None:
    world = World()
    with world.unwatched():
        assert await perform(world, REQUEST, DEPLOYMENT) == [(REQUEST, None), (DEPLOYMENT, None)]
    assert world.cache.child("BentoRequest", "models", naming.artifact_name("churn", DIGEST))
    assert world.cache.child("BentoDeployment", "models", naming.release_name("churn", RELEASE))
    await world.close()


async def test_what_was_deleted_is_out_of_the_cache_at_once() -> None:
    world = World()
    await perform(world, REQUEST)
    (request,) = world.all("BentoRequest")
    name = request["metadata"]["name"]
    with world.unwatched():
        await perform(world, DeleteRequest(name, request["metadata"]["uid"]))
    assert world.cache.child("BentoRequest", "models", name) is None
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
        (409, Reason.ApiUnavailable, False),
        (404, Reason.YataiNotInstalled, True),
        (429, Reason.ApiUnavailable, False),
        (500, Reason.ApiUnavailable, False),
        (0, Reason.ApiUnavailable, False),
    ],
)
async def test_a_refusal_in_our_words(status: int, reason: Reason, stalled: bool) -> None:
    world = World()
    world.kube.fail.append(ApiError(status, "Word", "their words"))
    (result,) = await execute(a_model(), [REQUEST], world.clients, world.now)
    assert result.problem
    assert (result.problem.reason, result.problem.stalled) == (reason, stalled)
    assert result.problem.message.startswith("the BentoRequest of churn was not written: ")
    await world.close()


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (DeleteRequest("churn-a", "u"), "the BentoRequest of churn was not deleted: "),
        (DeleteRequest("churn-a", "u", "Bento"), "the Bento of churn was not deleted: "),
        (DeleteDeployment("churn-a", "u", None), "the BentoDeployment of churn was not deleted: "),
        (Adopt("Service", "churn", "u"), "the Service of churn was not written: "),
        (SetFinalizer(True), "the finalizer of churn was not written: "),
    ],
)
def test_a_refusal_names_the_object_and_the_deed(action: Action, what: str) -> None:
    problem = refused(a_model(), action, ApiError(403, "Forbidden", "their words"))
    assert problem.message == f"{what}their words"


@pytest.mark.parametrize(
    ("word", "message", "taken"),
    [
        ("AlreadyExists", 'services "churn" already exists', True),
        ("Conflict", 'Apply failed with 1 conflict: conflict with "kubectl": .spec.bento', True),
        ("Conflict", "Precondition failed: UID in precondition: a, UID in object meta: b", False),
        ("Conflict", "the object has been modified; please apply your changes to the latest version", False),
    ],
)
async def test_a_conflict_means_a_taken_name_only_if_it_is_one(word: str, message: str, taken: bool) -> None:
    world = World()
    world.kube.fail.append(ApiError(409, word, message))
    (result,) = await execute(a_model(), [REQUEST], world.clients, world.now)
    assert result.problem
    assert result.problem.reason is (Reason.NameTaken if taken else Reason.ApiUnavailable)
    assert result.problem.stalled is taken
    await world.close()


async def test_a_namespace_that_is_gone_is_not_a_missing_yatai() -> None:
    world = World()
    world.kube.fail.append(ApiError(404, "NotFound", 'namespaces "models" not found'))
    (result,) = await execute(a_model(), [SERVICE], world.clients, world.now)
    assert result.problem
    assert result.problem.reason is Reason.ApiUnavailable
    await world.close()


async def test_the_release_that_has_the_address_is_not_deleted_whatever_the_cache_says() -> None:
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
    gone = DeleteRequest(name, "uid-of-a-namesake")
    assert await perform(world, gone) == [(gone, None)], "that one is gone already"
    assert world.all("BentoRequest") == [request]
    refused = DeleteRequest(name, request["metadata"]["uid"])
    world.kube.fail.append(ApiError(409, "Conflict", "the object has been modified"))
    assert await perform(world, refused) == [(refused, Reason.ApiUnavailable)]
    assert world.cache.child("BentoRequest", NAMESPACE, name)
    await perform(world, DeleteRequest(name, request["metadata"]["uid"]))
    assert world.all("BentoRequest") == []
    await world.close()


# The Service of the model's name may be somebody else's, which no watch tells.


async def test_a_bento_is_requested_while_it_is_read_who_has_the_service() -> None:
    world = World()
    read = world.kube.get

    async def get_late(resource: Resource, namespace: str | None, name: str) -> Object | None:
        while not world.all("BentoRequest"):  # noqa: ASYNC110 - the pass under test makes it
            await asyncio.sleep(0)
        return await read(resource, namespace, name)

    world.kube.get = get_late  # type: ignore[method-assign]
    begin = ReadReleaseStore()
    async with asyncio.timeout(60):
        done = await perform(world, begin, REQUEST, DEPLOYMENT)
    assert done == [(begin, None), (REQUEST, None), (DEPLOYMENT, None)]
    await world.close()


async def test_nothing_is_deployed_for_a_model_whose_service_is_somebody_else_s() -> None:
    world = World()
    with world.unwatched():
        world.stranger("Service", "churn")
    begin = ReadReleaseStore()
    done = await perform(world, begin, REQUEST, DEPLOYMENT)
    assert done == [(begin, None), (REQUEST, None), (DEPLOYMENT, Reason.NameTaken)]
    assert world.all("BentoDeployment") == []
    await world.close()


async def test_who_has_the_service_is_forgotten_with_its_model() -> None:
    world = World()
    with world.unwatched():
        world.stranger("Service", "churn")
    await perform(world, ReadReleaseStore())
    world.clients.cancel_jobs(("models", "churn"))
    assert await perform(world, DEPLOYMENT) == [(DEPLOYMENT, None)]
    await world.close()


# Work that belongs to the bucket, and to the model itself.


async def test_a_record_that_cannot_be_written_holds_up_what_follows_it() -> None:
    world = World()
    world.release_store.failure = BucketUnreachable("no answer")
    record = WriteRecord(a_record(a_model()))
    assert await perform(world, record, REQUEST) == [(record, Reason.BucketUnreachable)]
    assert world.all("BentoRequest") == []
    await world.close()


async def test_what_the_bucket_knows_is_read_and_written() -> None:
    world = World()
    await perform(world, ReadReleaseStore(), WriteRecord(a_record(a_model())))
    assert world.clients.release_store_jobs.state(("models", "churn")) == (a_record(a_model()),)
    await world.close()


async def test_a_bento_is_exported_while_the_bucket_is_read() -> None:
    world = World()
    await perform(world, ReadReleaseStore(export="churn:1"))
    assert world.clients.release_store_jobs.state(("models", "churn")) == ()
    assert isinstance(world.clients.export_jobs.state("churn:1"), Artifact)
    await world.close()


@pytest.mark.parametrize(
    ("owner", "deleted"),
    [
        pytest.param("churn", True, id="only its own request names it"),
        pytest.param("other", False, id="the request of another model names it"),
    ],
)
async def test_an_archive_that_another_model_needs_stays(owner: str, deleted: bool) -> None:
    world = World()
    world.apply(owner, "churn:1")
    await world.run()
    (request,) = world.all("BentoRequest")
    uri = request["spec"]["downloadUrl"]
    world.release_store.objects.clear()
    world.release_store.in_use = lambda uri: False
    # Its own spec asks for another bento by now.
    world.apply(owner, "churn:2")
    model = replace(a_model(), uid=world.kube.objects[naming.KIND, "models", "churn"]["metadata"]["uid"]) if (
        owner == "churn"
    ) else a_model()  # fmt: skip
    await execute(model, [DeleteArchive(uri, DIGEST)], world.clients, world.now)
    assert (uri in world.release_store.deleted) is deleted
    await world.close()


async def test_a_release_is_resized_and_nothing_else() -> None:
    world = World()
    await perform(world, DEPLOYMENT)
    (before,) = world.all("BentoDeployment")
    with world.unwatched():
        await perform(world, Resize(before["metadata"]["name"], Autoscaling(minimum=2, maximum=5)))
    (after,) = world.all("BentoDeployment")
    assert after["spec"] == {**before["spec"], "autoscaling": {"minReplicas": 2, "maxReplicas": 5}}
    child = world.cache.child("BentoDeployment", "models", before["metadata"]["name"])
    assert isinstance(child, BentoDeployment)
    assert child.spec["autoscaling"]["maxReplicas"] == 5, "the cache has it at once"
    await world.close()


async def test_a_release_that_is_gone_when_it_is_resized_is_no_missing_yatai() -> None:
    world = World()
    (result,) = await execute(
        a_model(), [Resize("churn-gone", Autoscaling(minimum=2, maximum=2))], world.clients, world.now
    )
    assert result.problem
    assert (result.problem.reason, result.problem.stalled) == (Reason.ApiUnavailable, False)
    await world.close()


async def test_a_finalizer_comes_and_goes() -> None:
    world = World()
    world.apply()
    place = (naming.KIND, "models", "churn")
    await perform(world, SetFinalizer(True))
    assert world.kube.objects[place]["metadata"]["finalizers"] == [FINALIZER]
    model = world.cache.model(("models", "churn"))
    assert model
    assert model.finalized
    await perform(world, SetFinalizer(False))
    assert world.kube.objects[place]["metadata"]["finalizers"] == []
    await world.close()


async def test_a_model_that_lives_stays_in_the_view_without_its_finalizer() -> None:
    """deletionPolicy went from Delete back to Retain."""
    world = World()
    world.apply()
    await perform(world, SetFinalizer(True))
    with world.unwatched():
        await perform(world, SetFinalizer(False))
    model = world.cache.model(("models", "churn"))
    assert model
    assert not model.finalized
    await world.close()


@pytest.mark.parametrize(("status", "reason"), [(404, None), (500, Reason.ApiUnavailable)])
async def test_a_model_that_is_gone_needs_no_finalizer(status: int, reason: Reason | None) -> None:
    world = World()
    world.apply()
    world.kube.fail.append(ApiError(status, "Word", "their words"))
    assert await perform(world, SetFinalizer(False)) == [(SetFinalizer(False), reason)]
    await world.close()


async def test_a_stranger_s_service_is_never_adopted() -> None:
    world = World()
    world.stranger("Service", "churn")
    before = dict(world.kube.objects)
    assert await perform(world, SERVICE) == [(SERVICE, Reason.NameTaken)]
    assert world.kube.objects == before
    await world.close()


@pytest.mark.parametrize(
    ("selector", "annotation", "remembered", "deleted"),
    [
        pytest.param({naming.RELEASE_LABEL: RELEASE}, None, None, False, id="its selector names it"),
        pytest.param({}, RELEASE, None, False, id="its annotation names it"),
        pytest.param({}, None, RELEASE, False, id="only the status remembers that it serves"),
        pytest.param({naming.RELEASE_LABEL: "0000aaaa"}, None, RELEASE, True,
                     id="the status is older than the Service"),
        pytest.param({}, "0000aaaa", RELEASE, True, id="the annotation names another"),
        pytest.param(None, None, RELEASE, True, id="there is no Service"),
    ],
)  # fmt: skip
async def test_a_release_is_deleted_if_the_live_service_does_not_lead_to_it(
    selector: dict[str, str] | None, annotation: str | None, remembered: str | None, deleted: bool
) -> None:
    world = World()
    await perform(world, DEPLOYMENT)
    if selector is not None:
        metadata = {"name": "churn", "namespace": "models"}
        told = {"annotations": {naming.SERVING_ANNOTATION: annotation}} if annotation else {}
        place = ("Service", "models", "churn")
        with world.unwatched():
            world.kube.put(
                place, {"kind": "Service", "metadata": {**metadata, **told}, "spec": {"selector": selector}}
            )
    (item,) = world.all("BentoDeployment")
    action = DeleteDeployment(item["metadata"]["name"], item["metadata"]["uid"], RELEASE)
    model = a_model(status={"servingRelease": remembered})
    world.kube._world = Quiet(world)  # type: ignore[assignment]
    await execute(model, [action], world.clients, world.now)
    assert (world.all("BentoDeployment") == []) is deleted
    await world.close()


class Quiet:
    """The world without its own opinion of what may be deleted."""

    def __init__(self, world: World) -> None:
        self._all = world

    def takes_traffic(self, item: object) -> bool:
        return False

    def __getattr__(self, name: str) -> object:
        return getattr(self._all, name)


async def test_a_namespace_that_is_being_deleted_is_nobody_s_fault() -> None:
    world = World()
    words = "unable to create new content in namespace models because it is being terminated"
    world.kube.fail.append(ApiError(403, "Forbidden", words))
    (result,) = await execute(a_model(), [REQUEST], world.clients, world.now)
    assert result.problem
    assert (result.problem.reason, result.problem.stalled) == (Reason.Deleting, False)
    await world.close()


def test_a_list_that_is_refused_says_the_next_step_if_somebody_has_to_act() -> None:
    assert list_refusal(403, "no.").startswith("no. Apply manifests/rbac.yaml")
    assert list_refusal(404, "no").endswith("apply its CRD (manifests/crds)")
    assert list_refusal(503, "etcd is away") == "etcd is away"


NO_RIGHT = (
    'services is forbidden: User "system:serviceaccount:e2i-system:e2i" cannot patch resource "services"'
)
NO_ANSWER = 'Internal error occurred: failed calling webhook "check.example": failed to call webhook: context deadline'
FULL = 'bentodeployments "churn-a" is forbidden: exceeded quota: few, requested: count/bentodeployments=1'
DENIED = 'admission webhook "check.example" denied the request: no team label'
LOST = (
    "ValidatingAdmissionPolicy 'e2i-own-labels' with binding 'e2i-own-labels' denied request: failed to configure "
    "binding: no params found for policy binding with `Deny` parameterNotFoundAction"
)
POLICY = "ValidatingAdmissionPolicy 'labels' with binding 'labels' denied request: no team label"


@pytest.mark.parametrize(
    ("status", "message", "reason", "step"),
    [
        pytest.param(403, NO_RIGHT, Reason.RightMissing, "Apply manifests/rbac.yaml", id="a right is missing"),
        pytest.param(500, NO_ANSWER, Reason.WebhookFailing, "Bring the webhook check.example back",
                     id="a webhook of somebody else is down"),
        pytest.param(403, FULL, Reason.Refused, "Raise the quota", id="a quota is used up"),
        pytest.param(403, DENIED, Reason.Refused, "Change the rule of that webhook", id="a webhook refuses"),
        pytest.param(403, LOST, Reason.Refused, "Create the ConfigMap that the binding names",
                     id="the API server has no parameters for a policy"),
        pytest.param(400, DENIED, Reason.Refused, "Change the rule of that webhook",
                     id="a webhook refuses without a code"),
        pytest.param(403, POLICY, Reason.Refused, "Change the rule of that webhook", id="a policy refuses"),
    ],
)  # fmt: skip
def test_a_refusal_says_who_refuses_and_the_next_step(
    status: int, message: str, reason: Reason, step: str
) -> None:
    problem = refused(a_model(), SERVICE, ApiError(status, "Word", message))
    assert problem.reason is reason
    assert problem.message.startswith(f"the Service of churn was not written: {message}. {step}")
    assert problem.stalled == (status != 500), "a webhook may come back by itself"
