"""Writes the model's PodDisruptionBudget so that it is as rendered, whatever others made of it."""

from __future__ import annotations

from e2i.api import naming
from e2i.controller.core.render.manifests import Manifest
from e2i.controller.edge.clients import Clients
from e2i.kube import ApiError
from e2i.kube.e2i_kinds import BUDGETS


async def apply_budget(manifest: Manifest, clients: Clients) -> None:
    """Apply the budget. One of its name that somebody else made stays as it is, and is noted in the cache."""
    metadata = manifest["metadata"]
    place = (metadata["namespace"], metadata["name"])
    owner = metadata["ownerReferences"][0]["uid"]
    found = await clients.kube.get(BUDGETS, *place)
    if found and not _may_be_written(found, owner):
        clients.cache.put(BUDGETS.kind, found)
        return
    try:
        body = await clients.kube.apply(BUDGETS, manifest, manager=naming.FIELD_MANAGER, force=True)
    except ApiError as error:
        if found is None or error.status != 422:
            raise
        # A field of others stays in an apply; together with ours it may be impossible.
        await clients.kube.delete(BUDGETS, *place, uid=found["metadata"]["uid"])
        body = await clients.kube.apply(BUDGETS, manifest, manager=naming.FIELD_MANAGER, force=True)
    clients.cache.put(BUDGETS.kind, body)


def _may_be_written(found: Manifest, owner: str) -> bool:
    """Return whether it is the model's, or one that the operator made for an earlier model, without an owner now."""
    owners = found["metadata"].get("ownerReferences") or ()
    managed = (found["metadata"].get("labels") or {}).get(naming.MANAGED_BY_LABEL) == naming.FIELD_MANAGER
    return any(each["uid"] == owner for each in owners) or (managed and not owners)
