"""Makes a model the owner of a child that an earlier model of its name left."""

from __future__ import annotations

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.actions import Adopt
from e2i.controller.core.render import manifests
from e2i.controller.edge.clients import Clients
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, BENTOES, E2I_MODELS, SERVICES

_RESOURCES = {resource.kind: resource for resource in (BENTO_REQUESTS, BENTOES, BENTO_DEPLOYMENTS, SERVICES)}


async def adopt(model: Model, action: Adopt, clients: Clients) -> None:
    """Make the model the owner, unless it is being deleted by now.

    `kubectl delete --cascade=orphan` takes the children from the model and then removes it. The report of that may
    come before the report of the deletion. A child that named the model again would be collected with it.
    """
    if not await _is_there(model, clients):
        return
    # The uid means this object: for a namesake the API server answers with a conflict.
    metadata = {"uid": action.uid, "ownerReferences": [manifests.owner_reference(model)]}
    written = await clients.kube.patch(
        _RESOURCES[action.kind],
        model.namespace,
        action.name,
        {"metadata": metadata},
        manager=naming.FIELD_MANAGER,
    )
    clients.cache.put(action.kind, written)


async def _is_there(model: Model, clients: Clients) -> bool:
    """Ask the API server itself, and keep the answer: the next pass must not try the same again."""
    found = await clients.kube.get(E2I_MODELS, model.namespace, model.name)
    if found is None or found["metadata"]["uid"] != model.uid:
        clients.cache.remove(naming.KIND, model.key, model.uid)
        return False
    clients.cache.put(naming.KIND, found)
    return "deletionTimestamp" not in found["metadata"]
