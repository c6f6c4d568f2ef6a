"""Performs what a plan asks for: one function for each kind of action, each safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import FINALIZER, Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import (
    Action,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteArchive,
    DeleteDeployment,
    DeleteRequest,
    EmptyBucket,
    Export,
    ReadLedger,
    Resize,
    Result,
    SetFinalizer,
    Verify,
    Watch,
    WriteRecord,
)
from e2i.controller.core.observed import BentoRequest
from e2i.controller.core.render import manifests
from e2i.controller.core.render.manifests import CURRENT_FORM
from e2i.controller.edge.cache import Key
from e2i.controller.edge.clients import Clients
from e2i.kube import ApiError, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, OF_YATAI, SERVICES


async def execute(
    model: Model, actions: Sequence[Action], clients: Clients, now: datetime
) -> tuple[Result, ...]:
    """Perform the actions in their order; the first that fails is the last that is tried."""
    results: list[Result] = []
    for action in actions:
        try:
            trouble = await _perform(model, action, clients, now)
        except ApiError as error:
            trouble = _trouble(model, action, error)
        results.append(Result(action, trouble))
        if trouble:
            break
    return tuple(results)


async def _perform(model: Model, action: Action, clients: Clients, now: datetime) -> Problem | None:
    match action:
        case Export(reference=reference):
            await clients.exports.start(reference, model.key)
        case ReadLedger():
            await clients.ledgers.read(model.key)
        case Verify(name=name, trial=trial):
            await clients.verifications.start(model, name, trial)
        case Watch(release=release, trial=trial, until=until):
            clients.watches.start(model, release, trial, until)
        case WriteRecord(record=record):
            return await clients.ledgers.write(record)
        case DeleteArchive(uri=uri, digest=digest):
            is_needed = _is_needed(model, clients)
            clients.exports.forget(uri)
            return await clients.ledgers.delete_archives([(uri, digest)], is_needed)
        case EmptyBucket(archives=archives):
            return await clients.ledgers.empty(model.key, archives, _is_needed(model, clients))
        case _:
            await _write(model, action, clients, now)
    return None


async def _write(model: Model, action: Action, clients: Clients, now: datetime) -> None:
    """Actions on objects of the cluster."""
    match action:
        case ApplyRequest(artifact=artifact):
            manifest = manifests.bento_request(model, artifact, clients.access, CURRENT_FORM)
            await _apply(BENTO_REQUESTS, manifest, clients)
        case ApplyDeployment(recipe=recipe):
            await _apply(BENTO_DEPLOYMENTS, manifests.bento_deployment(model, recipe), clients)
        case Resize(name=name, size=size):
            await _resize(model, name, manifests.autoscaling(size), clients)
        case ApplyService(release=release, selector=selector, switched_at=switched_at):
            manifest = manifests.service(model, release, selector, CURRENT_FORM, switched_at or now)
            await _apply(SERVICES, manifest, clients)
        case DeleteDeployment(name=name, uid=uid, release=release):
            if not await _has_traffic(model, release, clients):
                await _delete(BENTO_DEPLOYMENTS, (model.namespace, name), uid, clients)
        case DeleteRequest(name=name, uid=uid):
            await _delete(BENTO_REQUESTS, (model.namespace, name), uid, clients)
        case SetFinalizer(wanted=wanted):
            await _set_finalizer(model, wanted, clients)


async def _resize(model: Model, name: str, autoscaling: manifests.Manifest, clients: Clients) -> None:
    """A patch of this one field: the rest of the release may come from a spec that is gone."""
    body = {"spec": {"autoscaling": {"metrics": None, **autoscaling}}}
    written = await clients.kube.patch(
        BENTO_DEPLOYMENTS, model.namespace, name, body, manager=naming.FIELD_MANAGER
    )
    clients.view.put(BENTO_DEPLOYMENTS.kind, written)


async def _set_finalizer(model: Model, wanted: bool, clients: Clients) -> None:
    body = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        # With the uid a namesake that was created meanwhile answers with a conflict.
        "metadata": {
            "name": model.name,
            "namespace": model.namespace,
            "uid": model.uid,
            "finalizers": [FINALIZER] if wanted else [],
        },
    }
    try:
        written = await clients.kube.apply(E2I_MODELS, body, manager=naming.FIELD_MANAGER, force=True)
    except ApiError as error:
        if error.status == 404:
            return  # It is gone already.
        raise
    if model.deleting and not written["metadata"].get("finalizers"):
        # Nothing held it any more, so it is gone; the answer has the version that was known before.
        clients.view.remove(naming.KIND, model.key, model.uid)
    else:
        clients.view.put(naming.KIND, written)


def _is_needed(model: Model, clients: Clients) -> Callable[[str], bool]:
    """Whether a request of another model names an archive (by uri), or is about to."""
    others = [child for child in clients.view.children(BENTO_REQUESTS.kind) if child.owner != model.uid]
    named = {child.artifact.uri for child in others if isinstance(child, BentoRequest) and child.artifact}
    named |= clients.exports.archives(but=model.key)
    return named.__contains__


async def _apply(resource: Resource, manifest: manifests.Manifest, clients: Clients) -> None:
    """Force only over what is known to be ours: a stranger's object of that name answers with a conflict."""
    metadata = manifest["metadata"]
    owner = metadata["ownerReferences"][0]["uid"]
    known = clients.view.child(resource.kind, metadata["namespace"], metadata["name"])
    ours = known is not None and known.owner == owner
    if resource is SERVICES and not ours:
        await _refuse_stranger(metadata, owner, clients)
    body = await clients.kube.apply(resource, manifest, manager=naming.FIELD_MANAGER, force=ours)
    clients.view.put(resource.kind, body)


async def _refuse_stranger(metadata: manifests.Manifest, owner: str, clients: Clients) -> None:
    """A Service without a selector has no field that could conflict: without this look it would be adopted."""
    found = await clients.kube.get(SERVICES, metadata["namespace"], metadata["name"])
    owners = (found or {}).get("metadata", {}).get("ownerReferences") or ()
    if found is not None and not any(reference["uid"] == owner for reference in owners):
        raise ApiError(409, "AlreadyExists", f"services {metadata['name']!r} already exists")


async def _delete(resource: Resource, key: Key, uid: str, clients: Clients) -> None:
    """Forgotten at once: the next pass may come before the watch tells of it, and would delete it again."""
    await clients.kube.delete(resource, *key, uid=uid)
    clients.view.remove(resource.kind, key, uid)


async def _has_traffic(model: Model, release: str | None, clients: Clients) -> bool:
    """Asked of the live Service: the view may lag behind, and this cannot be taken back."""
    service = await clients.kube.get(SERVICES, model.namespace, model.name)
    if service is None or release is None:
        return False
    annotations = service["metadata"].get("annotations") or {}
    selected = (service["spec"].get("selector") or {}).get(naming.RELEASE_LABEL)
    told = annotations.get(naming.SERVING_ANNOTATION)
    if not selected and not told:
        told = model.status.get("servingRelease")
    return release in (selected, told)


_NAMES = {
    ApplyRequest: "BentoRequest",
    ApplyDeployment: "BentoDeployment",
    Resize: "BentoDeployment",
    ApplyService: "Service",
    DeleteDeployment: "BentoDeployment",
    DeleteRequest: "BentoRequest",
    SetFinalizer: "finalizer",
}


def _trouble(model: Model, action: Action, error: ApiError) -> Problem:
    """The API server's refusal in our words; what waiting may cure is not stalled."""
    kind = _NAMES.get(type(action), type(action).__name__)
    what = f"the {kind} of {model.name} was not written"
    if error.status == 409:
        return Problem(
            reason=Reason.NameTaken,
            message=f"{what}: an object of that name is somebody else's ({error.message})",
            stalled=True,
        )
    # What is resized and not found is gone itself; its kind is served.
    if (
        error.status == 404
        and not isinstance(action, Resize)
        and kind in {resource.kind for resource in OF_YATAI}
    ):
        return Problem(
            reason=Reason.YataiNotInstalled,
            message=f"{what}: the cluster does not serve {kind}; install yatai-deployment and yatai-image-builder",
            stalled=True,
        )
    if error.status in (400, 403, 413, 422):
        return Problem(reason=Reason.Refused, message=f"{what}: {error.message}", stalled=True)
    return Problem(reason=Reason.ApiUnavailable, message=f"{what}: {error.message}; it is tried again")
