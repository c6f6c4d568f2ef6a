"""Merge patches of E2IModels, the only writes of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.cli.plugin.session import Session
from e2i.kube import Object
from e2i.kube.e2i_kinds import E2I_MODELS

FIELD_MANAGER = "e2i-cli"
"""Not kubectl-...: Flux removes fields of managers with such names, our annotations among them."""


async def annotate(session: Session, model: Object, annotations: Mapping[str, str | None]) -> None:
    """Set annotations, or remove those that are None."""
    await _patch(session, model, {"metadata": {"annotations": dict(annotations)}})


async def set_bento(session: Session, model: Object, bento: Mapping[str, Any]) -> None:
    """Set spec.bento; ApiError 409 if somebody changed the model since it was read."""
    version = model["metadata"]["resourceVersion"]
    await _patch(session, model, {"metadata": {"resourceVersion": version}, "spec": {"bento": dict(bento)}})


async def _patch(session: Session, model: Object, body: Object) -> None:
    await session.kube.request(
        "PATCH",
        E2I_MODELS.path(session.namespace, model["metadata"]["name"]),
        body=body,
        query={"fieldManager": FIELD_MANAGER},
        content_type="application/merge-patch+json",
    )
