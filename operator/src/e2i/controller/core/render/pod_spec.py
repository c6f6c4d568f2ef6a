"""The part of a BentoDeployment that yatai-deployment copies into the pods as it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import naming, pod_fields


def extra_pod_spec(written: str, pod_labels: Mapping[str, str]) -> dict[str, Any]:
    """Return spec.extraPodSpec. `written`: `Shape.pod`; `pod_labels`: the labels of the release's pods.

    A spread constraint without a selector counts the pods of the release, as its author means.
    """
    fields = {name: value for name, value in pod_fields.decode(written).items() if name in pod_fields.COPIED}
    for constraint in fields.get("topologySpreadConstraints", ()):
        constraint.setdefault("labelSelector", {"matchLabels": dict(pod_labels)})
    return fields


def add_pod_fields(manifest: dict[str, Any], written: str, pod_labels: Mapping[str, str]) -> None:
    """Add what `Shape.pod` says, as fields where a BentoDeployment has them."""
    if not written:
        return
    manifest["metadata"]["annotations"][naming.POD_ANNOTATION] = written
    if copied := extra_pod_spec(written, pod_labels):
        manifest["spec"]["extraPodSpec"] = copied
