"""Writes the model's Service so that it is as rendered, whatever others made of it."""

from __future__ import annotations

from e2i.api import naming
from e2i.controller.core.children import Service
from e2i.controller.core.render.manifests import Manifest
from e2i.controller.edge.clients import Clients
from e2i.kube import ApiError, Object
from e2i.kube.e2i_kinds import SERVICES


async def apply_service(manifest: Manifest, clients: Clients) -> None:
    """Apply the Service; ApiError 409 if it belongs to somebody else. What an apply cannot merge is replaced."""
    metadata = manifest["metadata"]
    owner = metadata["ownerReferences"][0]["uid"]
    known = clients.cache.child(SERVICES.kind, metadata["namespace"], metadata["name"])
    ours = known is not None and known.owner == owner
    if not ours:
        ours = await _is_ours(metadata, owner, clients)
    body = await _apply(manifest, ours, clients)
    clients.cache.put(SERVICES.kind, body)
    written = clients.cache.child(SERVICES.kind, metadata["namespace"], metadata["name"])
    if isinstance(written, Service) and not written.as_rendered:
        clients.cache.put(SERVICES.kind, await _overwrite(manifest, clients))


async def _apply(manifest: Manifest, ours: bool, clients: Clients) -> Object:
    """Apply with force only over a Service known to be the model's. Over any other: 409 Conflict."""
    try:
        return await clients.kube.apply(SERVICES, manifest, manager=naming.FIELD_MANAGER, force=ours)
    except ApiError as error:
        if not ours or error.status != 422:
            raise
        # The ports of others stay in an apply; together with ours they may be impossible.
        await _overwrite(manifest, clients)
        return await clients.kube.apply(SERVICES, manifest, manager=naming.FIELD_MANAGER, force=True)


async def _overwrite(manifest: Manifest, clients: Clients) -> Object:
    """Replace whole lists. What the operator does not write stays: annotations of a mesh, addresses."""
    metadata = manifest["metadata"]
    body = {
        "metadata": {key: metadata[key] for key in ("labels", "annotations", "ownerReferences")},
        "spec": manifest["spec"],
    }
    return await clients.kube.patch(
        SERVICES, metadata["namespace"], metadata["name"], body, manager=naming.FIELD_MANAGER
    )


async def _is_ours(metadata: Manifest, owner: str, clients: Clients) -> bool:
    """Return whether there is a Service of the model that the cache does not know; ApiError 409 if it is another's.

    A Service without a selector has no field that could conflict, so an apply would adopt it.
    """
    found = await clients.kube.get(SERVICES, metadata["namespace"], metadata["name"])
    owners = (found or {}).get("metadata", {}).get("ownerReferences") or ()
    if found is None:
        return False
    if not any(reference["uid"] == owner for reference in owners):
        clients.cache.put(SERVICES.kind, found)
        raise ApiError(409, "AlreadyExists", f"services {metadata['name']!r} already exists")
    return True
