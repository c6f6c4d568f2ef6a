"""Executes the actions that write one field of an object, and leave the rest as others made it."""

from __future__ import annotations

from e2i.api import naming
from e2i.api.model import FINALIZER, Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import Resize, RestoreImage, ScaleWorkload, SetFinalizer
from e2i.controller.core.render import manifests
from e2i.controller.edge.clients import Clients
from e2i.kube import ApiError
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTOES, DEPLOYMENTS, E2I_MODELS


async def change_field(
    model: Model, action: Resize | ScaleWorkload | RestoreImage | SetFinalizer, clients: Clients
) -> Problem | None:
    """Execute the action; ApiError if the API server refuses it. What users must hear of it is a problem."""
    match action:
        case Resize():
            await _resize(model, action, clients)
        case ScaleWorkload():
            await _scale(model, action, clients)
        case RestoreImage(name=name, image=image):
            body = {"spec": {"image": image}}
            await clients.kube.patch(BENTOES, model.namespace, name, body, manager=naming.FIELD_MANAGER)
            return action.problem
        case SetFinalizer(wanted=wanted):
            await _set_finalizer(model, wanted, clients)
    return None


async def _resize(model: Model, action: Resize, clients: Clients) -> None:
    """Patch this field only: the rest of the release may come from an earlier spec."""
    body = {"spec": {"autoscaling": {"metrics": None, **manifests.autoscaling(action.size)}}}
    written = await clients.kube.patch(
        BENTO_DEPLOYMENTS, model.namespace, action.name, body, manager=naming.FIELD_MANAGER
    )
    clients.cache.put(BENTO_DEPLOYMENTS.kind, written)


async def _scale(model: Model, action: ScaleWorkload, clients: Clients) -> None:
    """Write the number of pods: the operator may change nothing else of a Deployment."""
    # The uid means this object: for a namesake the API server answers with a conflict.
    body = {"metadata": {"uid": action.uid}, "spec": {"replicas": action.pods}}
    await clients.kube.patch(
        DEPLOYMENTS, model.namespace, action.name, body, subresource="scale", manager=naming.FIELD_MANAGER
    )


async def _set_finalizer(model: Model, wanted: bool, clients: Clients) -> None:
    if not wanted:
        # Somebody may have changed deletionPolicy in the middle of a deletion.
        clients.release_store_jobs.cancel(model.key)
    body = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        # If a new model has the name by now, the uid makes the API server answer with a conflict.
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
            return  # The model is gone.
        raise
    if model.deleting and not written["metadata"].get("finalizers"):
        # That was the last finalizer, so the model is gone. The answer has the version that was known before.
        clients.cache.remove(naming.KIND, model.key, model.uid)
    else:
        clients.cache.put(naming.KIND, written)
