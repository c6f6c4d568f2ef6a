"""The kinds that the stand-in reads and writes, and the labels and annotations that Yatai puts on them."""

from __future__ import annotations

from typing import Any

from e2i.kube import Object, Resource

BENTO = Resource("resources.yatai.ai", "v1alpha1", "bentoes", "Bento")
BENTO_REQUEST = Resource("resources.yatai.ai", "v1alpha1", "bentorequests", "BentoRequest")
BENTO_DEPLOYMENT = Resource("serving.yatai.ai", "v2alpha1", "bentodeployments", "BentoDeployment")
DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment")
AUTOSCALER = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SERVICE = Resource("", "v1", "services", "Service")
JOB = Resource("batch", "v1", "jobs", "Job")

Key = tuple[str, str]
"""Namespace and name of an object."""


def key_of(item: Object) -> Key:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def controller_of(item: Object, owner: Resource) -> Key | None:
    """Return the key of the `owner` that controls the object, or None if it has another controller."""
    for reference in item["metadata"].get("ownerReferences", ()):
        if reference.get("controller") and reference["kind"] == owner.kind:
            return item["metadata"]["namespace"], reference["name"]
    return None


def controller_reference(owner: Object, resource: Resource) -> dict[str, Any]:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def name_and_version(tag: str) -> tuple[str, str]:
    """fraud:v1 -> ("fraud", "v1"); a tag without a colon has an empty version."""
    name, _, version = tag.partition(":")
    return name, version
