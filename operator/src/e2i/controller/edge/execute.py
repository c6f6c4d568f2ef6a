"""Executes the actions of a plan. Each action is safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import (
    Action,
    Adopt,
    ApplyBudget,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteArchive,
    DeleteBudget,
    DeleteDeployment,
    DeleteRequest,
    EmptyBucket,
    Export,
    PatchWorkload,
    Pending,
    ReadReleaseStore,
    Resize,
    RestoreImage,
    Result,
    ScaleWorkload,
    SetFinalizer,
    StartGuard,
    Verify,
    WriteRecord,
)
from e2i.controller.core.releases.taken_names import holder
from e2i.controller.core.render import manifests
from e2i.controller.core.render.disruption_budget import disruption_budget
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION
from e2i.controller.edge.adopt import adopt
from e2i.controller.edge.apply_bento import apply_bento
from e2i.controller.edge.apply_budget import apply_budget
from e2i.controller.edge.apply_service import apply_service
from e2i.controller.edge.change_field import change_field
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.patch_workload import patch_workload
from e2i.controller.edge.refusals import refused
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Resource
from e2i.kube.e2i_kinds import (
    BENTO_DEPLOYMENTS,
    BENTO_REQUESTS,
    BENTOES,
    BUDGETS,
    SERVICES,
)


async def execute(
    model: Model, actions: Sequence[Action], clients: Clients, now: datetime
) -> tuple[Result, ...]:
    """Execute the actions in order, up to the first that fails or goes on in the background."""
    results: list[Result] = []
    for action in actions:
        try:
            ended = await _execute_one(model, action, clients, now)
        except ApiError as error:
            ended = refused(model, action, error)
        is_pending = isinstance(ended, Pending)
        results.append(Result(action, None if isinstance(ended, Pending) else ended, is_pending))
        if ended:
            break
    return tuple(results)


async def _execute_one(
    model: Model, action: Action, clients: Clients, now: datetime
) -> Problem | Pending | None:
    records = clients.release_store_jobs
    match action:
        case Export(reference=reference):
            await clients.export_jobs.start(reference, model.key)
        case ReadReleaseStore(export=reference):
            clients.service_look.begin(model)
            exporting = [clients.export_jobs.start(reference, model.key)] if reference else []
            pending, _ = await asyncio.gather(records.read(model.key), asyncio.gather(*exporting))
            return pending
        case Verify():
            await clients.verification_jobs.start(model, action)
        case StartGuard():
            clients.guard_jobs.start(model, action)
        case WriteRecord(record=record):
            return await records.write(record)
        case DeleteArchive(uri=uri, digest=digest):
            return await records.delete_archives(model, [(uri, digest)])
        case EmptyBucket(archives=archives):
            return await records.empty(model, archives)
        case ApplyRequest(artifact=artifact) if not clients.archive_use.claim(artifact.uri, model.key):
            message = f"{artifact.uri} is being deleted from the bucket, and is exported again after that"
            return Problem(reason=Reason.Pending, message=message)
        case ApplyDeployment() if stranger := await clients.service_look.stranger(model):
            return Problem(reason=Reason.NameTaken, message=holder(SERVICES.kind, stranger), stalled=True)
        case _:
            return await _write(model, action, clients, now)
    return None


async def _write(model: Model, action: Action, clients: Clients, now: datetime) -> Problem | None:
    """Execute an action that writes an object of the cluster."""
    match action:
        case PatchWorkload():
            return await patch_workload(model, action, clients)
        case ApplyRequest(artifact=artifact):
            clients.service_look.begin(model)
            await _apply_request(model, artifact, clients)
        case ApplyDeployment(spec=spec):
            await _apply(BENTO_DEPLOYMENTS, manifests.bento_deployment(model, spec), clients)
        case ApplyService(release=release, selector=selector, switched_at=switched_at):
            manifest = manifests.service(model, release, selector, switched_at or now)
            await apply_service(manifest, clients)
        case ApplyBudget(selector=selector):
            await apply_budget(disruption_budget(model, selector), clients)
        case Adopt():
            await adopt(model, action, clients)
        case Resize() | ScaleWorkload() | RestoreImage() | SetFinalizer():
            return await change_field(model, action, clients)
        case DeleteDeployment() | DeleteRequest() | DeleteBudget():
            await _remove(model, action, clients)
    return None


async def _apply_request(model: Model, artifact: Artifact, clients: Clients) -> None:
    if artifact.image:
        await apply_bento(manifests.bento(model, artifact, CURRENT_TEMPLATE_VERSION), clients)
        return
    manifest = manifests.bento_request(model, artifact, clients.access, CURRENT_TEMPLATE_VERSION)
    await _apply(BENTO_REQUESTS, manifest, clients)


async def _apply(resource: Resource, manifest: manifests.Manifest, clients: Clients) -> None:
    """Apply, with force only over an object known to be the model's. Over any other object: 409 Conflict."""
    metadata = manifest["metadata"]
    owner = metadata["ownerReferences"][0]["uid"]
    known = clients.cache.child(resource.kind, metadata["namespace"], metadata["name"])
    ours = known is not None and known.owner == owner
    body = await clients.kube.apply(resource, manifest, manager=naming.FIELD_MANAGER, force=ours)
    clients.cache.put(resource.kind, body)


async def _remove(
    model: Model, action: DeleteDeployment | DeleteRequest | DeleteBudget, clients: Clients
) -> None:
    if isinstance(action, DeleteDeployment):
        if not await _has_traffic(model, action.release, clients):
            await _delete(BENTO_DEPLOYMENTS, (model.namespace, action.name), action.uid, clients)
        return
    kind = action.kind if isinstance(action, DeleteRequest) else BUDGETS.kind
    (resource,) = (each for each in (BENTO_REQUESTS, BENTOES, BUDGETS) if each.kind == kind)
    await _delete(resource, (model.namespace, action.name), action.uid, clients)


async def _delete(resource: Resource, key: Key, uid: str, clients: Clients) -> None:
    """Delete the object, and remove it from the cache so that a pass before the watch event does not repeat it.

    If another object has the name now, this one is gone.
    """
    try:
        await clients.kube.delete(resource, *key, uid=uid)
    except ApiError as error:
        if error.status != 409:
            raise
        found = await clients.kube.get(resource, *key)
        if found is not None and found["metadata"].get("uid") == uid:
            raise
    clients.cache.remove(resource.kind, key, uid)


async def _has_traffic(model: Model, release: str | None, clients: Clients) -> bool:
    """Return whether the live Service leads to the release: a deletion must not rely on the cache, which may lag."""
    service = await clients.kube.get(SERVICES, model.namespace, model.name)
    if service is None or release is None:
        return False
    annotations = service["metadata"].get("annotations") or {}
    selected = (service["spec"].get("selector") or {}).get(naming.RELEASE_LABEL)
    serving = annotations.get(naming.SERVING_ANNOTATION)
    if not selected and not serving:
        serving = model.status.get("servingRelease")
    return release in (selected, serving)
