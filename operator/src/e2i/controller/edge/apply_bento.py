"""Writes the Bento of an image that was built elsewhere."""

from __future__ import annotations

from e2i.api import naming
from e2i.controller.core.render.manifests import Manifest
from e2i.controller.edge.clients import Clients
from e2i.kube import ApiError
from e2i.kube.e2i_kinds import BENTOES


async def apply_bento(manifest: Manifest, clients: Clients) -> None:
    """Apply the Bento; ApiError 409 if one of that name is not the model's.

    Only Bentos with the operator's label are watched, so one of somebody else is looked for.
    """
    metadata = manifest["metadata"]
    known = clients.cache.child(BENTOES.kind, metadata["namespace"], metadata["name"])
    if known is None:
        ours = await _is_there(metadata, clients)
    else:
        ours = known.owner == metadata["ownerReferences"][0]["uid"]
    body = await clients.kube.apply(BENTOES, manifest, manager=naming.FIELD_MANAGER, force=ours)
    clients.cache.put(BENTOES.kind, body)


async def _is_there(metadata: Manifest, clients: Clients) -> bool:
    """Return whether the model has the Bento, which lost its label; ApiError 409 if it is another's."""
    found = await clients.kube.get(BENTOES, metadata["namespace"], metadata["name"])
    if found is None:
        return False
    owners = found["metadata"].get("ownerReferences") or ()
    if not any(reference["uid"] == metadata["ownerReferences"][0]["uid"] for reference in owners):
        raise ApiError(409, "AlreadyExists", f"bentoes {metadata['name']!r} already exists")
    return True
