"""Performs what a plan asks for: one function for each kind of action, each safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from e2i.core import naming, render
from e2i.core.actions import (
    Action,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteDeployment,
    DeleteRequest,
    Export,
    Result,
)
from e2i.core.conditions import Reason
from e2i.core.model import Model
from e2i.core.observed import Trouble
from e2i.core.render import CURRENT_FORM
from e2i.edge.exports import Exports
from e2i.edge.kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, OF_YATAI, SERVICES
from e2i.edge.view import Key, View
from e2i.kube import ApiError, Kube, Resource


@dataclass(frozen=True, kw_only=True)
class Hands:
    """What actions are performed with."""

    kube: Kube
    view: View
    exports: Exports
    access: render.BuilderAccess


async def act(model: Model, actions: Sequence[Action], hands: Hands, now: datetime) -> tuple[Result, ...]:
    """Perform the actions in their order; the first that fails is the last that is tried."""
    results: list[Result] = []
    for action in actions:
        try:
            await _perform(model, action, hands, now)
        except ApiError as error:
            results.append(Result(action, _trouble(model, action, error)))
            break
        results.append(Result(action))
    return tuple(results)


async def _perform(model: Model, action: Action, hands: Hands, now: datetime) -> None:
    match action:
        case Export(tag=tag):
            await hands.exports.start(tag, model.key)
        case ApplyRequest(artifact=artifact):
            manifest = render.bento_request(model, artifact, hands.access, CURRENT_FORM)
            await _apply(BENTO_REQUESTS, manifest, hands)
        case ApplyDeployment(artifact=artifact, release=release, form=form, attempt=attempt):
            manifest = render.bento_deployment(model, artifact, release, form, attempt)
            await _apply(BENTO_DEPLOYMENTS, manifest, hands)
        case ApplyService(release=release):
            await _apply(SERVICES, render.service(model, release, CURRENT_FORM, now), hands)
        case DeleteDeployment(name=name, uid=uid, release=release):
            if not await _has_traffic(model, release, hands):
                await _delete(BENTO_DEPLOYMENTS, (model.namespace, name), uid, hands)
        case DeleteRequest(name=name, uid=uid):
            await _delete(BENTO_REQUESTS, (model.namespace, name), uid, hands)


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
    selector = (service or {}).get("spec", {}).get("selector") or {}
    return release is not None and selector.get(naming.RELEASE_LABEL) == release


_NAMES = {
    ApplyRequest: "BentoRequest",
    ApplyDeployment: "BentoDeployment",
    ApplyService: "Service",
    DeleteDeployment: "BentoDeployment",
    DeleteRequest: "BentoRequest",
    Export: "export",
}


def _trouble(model: Model, action: Action, error: ApiError) -> Trouble:
    """The API server's refusal in our words; what waiting may cure is not stalled."""
    kind = _NAMES[type(action)]
    what = f"the {kind} of {model.name} was not written"
    if error.status == 409:
        return Trouble(
            reason=Reason.NameTaken,
            message=f"{what}: an object of that name is somebody else's ({error.message})",
            stalled=True,
        )
    if error.status == 404 and kind in {resource.kind for resource in OF_YATAI}:
        return Trouble(
            reason=Reason.YataiNotInstalled,
            message=f"{what}: the cluster does not serve {kind}; install yatai-deployment and yatai-image-builder",
            stalled=True,
        )
    if error.status in (400, 403, 413, 422):
        return Trouble(reason=Reason.Refused, message=f"{what}: {error.message}", stalled=True)
    return Trouble(reason=Reason.ApiUnavailable, message=f"{what}: {error.message}; it is tried again")
