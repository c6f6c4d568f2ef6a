"""Merge patches of E2IModels, the only writes of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api.model import RESTART_ANNOTATION
from e2i.api.model_body import restart_of
from e2i.api.naming import CLI_FIELD_MANAGER
from e2i.cli.plugin.session import Session
from e2i.kube import Object
from e2i.kube.e2i_kinds import E2I_MODELS


async def annotate(session: Session, model: Object, annotations: Mapping[str, str | None]) -> None:
    """Set annotations, or remove those that are None."""
    await _patch(session, model, {"metadata": {"annotations": dict(annotations)}})


async def set_bento(session: Session, model: Object, bento: Mapping[str, Any], restart: str) -> None:
    """Set spec.bento and the annotation restart-at; ApiError 409 if somebody changed the model since it was read."""
    metadata: dict[str, Any] = {"resourceVersion": model["metadata"]["resourceVersion"]}
    if restart != restart_of(model["metadata"].get("annotations") or {}):
        metadata["annotations"] = {RESTART_ANNOTATION: restart or None}
    removed = dict.fromkeys(name for name in model["spec"]["bento"] if name not in bento)
    await _patch(session, model, {"metadata": metadata, "spec": {"bento": {**removed, **bento}}})


async def _patch(session: Session, model: Object, body: Object) -> None:
    await session.kube.request(
        "PATCH",
        E2I_MODELS.path(session.namespace, model["metadata"]["name"]),
        body=body,
        query={"fieldManager": CLI_FIELD_MANAGER},
        content_type="application/merge-patch+json",
    )
