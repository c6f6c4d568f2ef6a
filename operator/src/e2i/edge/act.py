"""Performs what a plan asks for: one function for each kind of action, each safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from e2i.core import naming, render
from e2i.core.actions import (
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
from e2i.core.conditions import Reason
from e2i.core.model import FINALIZER, Model
from e2i.core.observed import BentoRequest, Trouble
from e2i.core.render import CURRENT_FORM
from e2i.edge.hands import Hands
from e2i.edge.kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, OF_YATAI, SERVICES
from e2i.edge.view import Key
from e2i.kube import ApiError, Resource


async def act(model: Model, actions: Sequence[Action], hands: Hands, now: datetime) -> tuple[Result, ...]:
    """Perform the actions in their order; the first that fails is the last that is tried."""
    results: list[Result] = []
    for action in actions:
        try:
            trouble = await _perform(model, action, hands, now)
        except ApiError as error:
            trouble = _trouble(model, action, error)
        results.append(Result(action, trouble))
        if trouble:
            break
    return tuple(results)


async def _perform(model: Model, action: Action, hands: Hands, now: datetime) -> Trouble | None:
    match action:
        case Export(reference=reference):
            await hands.exports.start(reference, model.key)
        case ReadLedger():
            await hands.ledgers.read(model.key)
        case Verify(name=name, trial=trial):
            await hands.verifications.start(model, name, trial)
        case Watch(release=release, trial=trial, until=until):
            hands.watches.start(model, release, trial, until)
        case WriteRecord(record=record):
            return await hands.ledgers.write(record)
        case DeleteArchive(uri=uri, digest=digest):
            is_needed = _is_needed(model, hands)
            hands.exports.forget(uri)
            return await hands.ledgers.delete_archives([(uri, digest)], is_needed)
        case EmptyBucket(archives=archives):
            return await hands.ledgers.empty(model.key, archives, _is_needed(model, hands))
        case _:
            await _write(model, action, hands, now)
    return None


async def _write(model: Model, action: Action, hands: Hands, now: datetime) -> None:
    """Actions on objects of the cluster."""
    match action:
        case ApplyRequest(artifact=artifact):
            manifest = render.bento_request(model, artifact, hands.access, CURRENT_FORM)
            await _apply(BENTO_REQUESTS, manifest, hands)
        case ApplyDeployment(recipe=recipe):
            await _apply(BENTO_DEPLOYMENTS, render.bento_deployment(model, recipe), hands)
        case Resize(name=name, size=size):
            await _resize(model, name, render.autoscaling(size), hands)
        case ApplyService(release=release, selector=selector, switched_at=switched_at):
            manifest = render.service(model, release, selector, CURRENT_FORM, switched_at or now)
            await _apply(SERVICES, manifest, hands)
        case DeleteDeployment(name=name, uid=uid, release=release):
            if not await _has_traffic(model, release, hands):
                await _delete(BENTO_DEPLOYMENTS, (model.namespace, name), uid, hands)
        case DeleteRequest(name=name, uid=uid):
            await _delete(BENTO_REQUESTS, (model.namespace, name), uid, hands)
        case SetFinalizer(wanted=wanted):
            await _set_finalizer(model, wanted, hands)


async def _resize(model: Model, name: str, autoscaling: render.Manifest, hands: Hands) -> None:
    """A patch of this one field: the rest of the release may come from a spec that is gone."""
    body = {"spec": {"autoscaling": {"metrics": None, **autoscaling}}}
    written = await hands.kube.patch(
        BENTO_DEPLOYMENTS, model.namespace, name, body, manager=naming.FIELD_MANAGER
    )
    hands.view.put(BENTO_DEPLOYMENTS.kind, written)


async def _set_finalizer(model: Model, wanted: bool, hands: Hands) -> None:
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
        written = await hands.kube.apply(E2I_MODELS, body, manager=naming.FIELD_MANAGER, force=True)
    except ApiError as error:
        if error.status == 404:
            return  # It is gone already.
        raise
    if model.deleting and not written["metadata"].get("finalizers"):
        # Nothing held it any more, so it is gone; the answer has the version that was known before.
        hands.view.remove(naming.KIND, model.key, model.uid)
    else:
        hands.view.put(naming.KIND, written)


def _is_needed(model: Model, hands: Hands) -> Callable[[str], bool]:
    """Whether a request of another model names an archive (by uri), or is about to."""
    others = [child for child in hands.view.children(BENTO_REQUESTS.kind) if child.owner != model.uid]
    named = {child.artifact.uri for child in others if isinstance(child, BentoRequest) and child.artifact}
    named |= hands.exports.archives(but=model.key)
    return named.__contains__


async def _apply(resource: Resource, manifest: render.Manifest, hands: Hands) -> None:
    """Force only over what is known to be ours: a stranger's object of that name answers with a conflict."""
    metadata = manifest["metadata"]
    owner = metadata["ownerReferences"][0]["uid"]
    known = hands.view.child(resource.kind, metadata["namespace"], metadata["name"])
    ours = known is not None and known.owner == owner
    if resource is SERVICES and not ours:
        await _refuse_stranger(metadata, owner, hands)
    body = await hands.kube.apply(resource, manifest, manager=naming.FIELD_MANAGER, force=ours)
    hands.view.put(resource.kind, body)


async def _refuse_stranger(metadata: render.Manifest, owner: str, hands: Hands) -> None:
    """A Service without a selector has no field that could conflict: without this look it would be adopted."""
    found = await hands.kube.get(SERVICES, metadata["namespace"], metadata["name"])
    owners = (found or {}).get("metadata", {}).get("ownerReferences") or ()
    if found is not None and not any(reference["uid"] == owner for reference in owners):
        raise ApiError(409, "AlreadyExists", f"services {metadata['name']!r} already exists")


async def _delete(resource: Resource, key: Key, uid: str, hands: Hands) -> None:
    """Forgotten at once: the next pass may come before the watch tells of it, and would delete it again."""
    await hands.kube.delete(resource, *key, uid=uid)
    hands.view.remove(resource.kind, key, uid)


async def _has_traffic(model: Model, release: str | None, hands: Hands) -> bool:
    """Asked of the live Service: the view may lag behind, and this cannot be taken back."""
    service = await hands.kube.get(SERVICES, model.namespace, model.name)
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


def _trouble(model: Model, action: Action, error: ApiError) -> Trouble:
    """The API server's refusal in our words; what waiting may cure is not stalled."""
    kind = _NAMES.get(type(action), type(action).__name__)
    what = f"the {kind} of {model.name} was not written"
    if error.status == 409:
        return Trouble(
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
        return Trouble(
            reason=Reason.YataiNotInstalled,
            message=f"{what}: the cluster does not serve {kind}; install yatai-deployment and yatai-image-builder",
            stalled=True,
        )
    if error.status in (400, 403, 413, 422):
        return Trouble(reason=Reason.Refused, message=f"{what}: {error.message}", stalled=True)
    return Trouble(reason=Reason.ApiUnavailable, message=f"{what}: {error.message}; it is tried again")
