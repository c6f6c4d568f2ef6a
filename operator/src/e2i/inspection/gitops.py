"""Finds the GitOps tool that manages a model: it would revert a change by hand. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import naming

Body = Mapping[str, Any]

_ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
_ARGO_LABELS = ("app.kubernetes.io/instance", "argocd.argoproj.io/instance")
"""The default label, which Helm charts write too, and the usual choice in its place."""
_ARGO_MANAGER = "argocd-"
"""Prefix of Argo CD's field managers: argocd-controller, and for some kinds argocd-application-controller."""
_FLUX = {"kustomize.toolkit.fluxcd.io": "Kustomization", "helm.toolkit.fluxcd.io": "HelmRelease"}


def managing_tool(model: Body) -> str | None:
    """Return the tool that manages the object (`the Argo CD application shop`), or None."""
    return _argo(model) or _flux(model)


def is_set_by_others(model: Body, annotation: str, manager: str) -> bool:
    """Return whether a field manager other than `manager` has set the annotation."""
    return any(
        entry.get("manager") != manager and f"f:{annotation}" in _owned_annotations(entry)
        for entry in model["metadata"].get("managedFields") or ()
    )


def _owned_annotations(entry: Body) -> Body:
    owned: Body = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
    return owned


def with_tool_metadata(live: Body, wanted: Body) -> dict[str, Any]:
    """Return `wanted` with the labels and annotations that the managing tool of `live` adds to what Git has."""
    if managing_tool(live) is None:
        return dict(wanted)
    metadata = dict(wanted["metadata"])
    for field in ("labels", "annotations"):
        added = {
            key: value for key, value in (live["metadata"].get(field) or {}).items() if _is_added_by_tool(key)
        }
        if added:
            metadata[field] = {**added, **(metadata.get(field) or {})}
    return {**wanted, "metadata": metadata}


def _is_added_by_tool(key: str) -> bool:
    group, _, _ = key.partition("/")
    return key in _ARGO_LABELS or group == "argocd.argoproj.io" or group in _FLUX


def _argo(model: Body) -> str | None:
    metadata = model["metadata"]
    application, _, tracked = (metadata.get("annotations") or {}).get(_ARGO_TRACKING, "").partition(":")
    # A copied annotation names another object; Argo CD ignores it too.
    if tracked == f"{naming.GROUP}/{naming.KIND}:{metadata['namespace']}/{metadata['name']}":
        return f"the Argo CD application {application}"
    labels = metadata.get("labels") or {}
    named = next((labels[label] for label in _ARGO_LABELS if labels.get(label)), None)
    if named and _is_written_by_argo(metadata):
        return f"the Argo CD application {named}"
    return None


def _is_written_by_argo(metadata: Body) -> bool:
    entries = metadata.get("managedFields") or ()
    return any(
        entry.get("manager", "").startswith(_ARGO_MANAGER) and not entry.get("subresource")
        for entry in entries
    )


def _flux(model: Body) -> str | None:
    labels = model["metadata"].get("labels") or {}
    for group, kind in _FLUX.items():
        # An empty name marks an object that Flux must not manage.
        if name := labels.get(f"{group}/name"):
            return f"the Flux {kind} {labels.get(f'{group}/namespace', '')}/{name}"
    return None
