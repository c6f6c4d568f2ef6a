"""The only writes of the plugin: merge patches of E2IModels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.cli.plugin.session import Session
from e2i.kube import Object
from e2i.kube.e2i_kinds import E2I_MODELS

FIELD_MANAGER = "e2i-cli"
"""Not kubectl-...: Flux takes away what managers of such names have set, and would take away our annotations."""


async def annotate(session: Session, model: Object, annotations: Mapping[str, str | None]) -> None:
    """Set annotations, or remove those that are None."""
    await _patch(session, model, {"metadata": {"annotations": dict(annotations)}})


async def set_bento(session: Session, model: Object, bento: Mapping[str, Any]) -> None:
    """Set spec.bento of the very version that was read; ApiError 409 when somebody changed it since."""
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
