"""Reduces pods to what the operator reads of them: a cluster has many, and most of a pod tells it nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from e2i.api import pod_annotations
from e2i.api.fields import Fields
from e2i.controller.core.children import Child

METADATA = (
    "name",
    "namespace",
    "uid",
    "labels",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
)
STATUS = ("phase", "reason", "message", "podIP", "startTime")
CONDITION = ("type", "status", "reason", "message")
CONTAINER = ("name", "ready", "restartCount", "lastState")
WAITING_CONTAINER = (*CONTAINER, "started", "state")


@dataclass(frozen=True, kw_only=True)
class Pod(Child):
    """A pod of a release or of an image build; `model` is the model that it works for."""

    release: str | None
    request: str | None
    """The BentoRequest whose image it builds."""
    is_ready: bool
    body: Mapping[str, Any] = field(hash=False)
    """Its fields that the operator reads, see `reduced`."""


def reduced(pod: Fields) -> dict[str, Any]:
    """Return the fields of a pod that the operator reads, in the API's form. FieldInvalid if one has another type.

    Of a pod that is ready even less: no container of it waits for anything.
    """
    spec, status, ready = pod.inside("spec"), pod.inside("status"), is_ready(pod)
    kept = _only(status, STATUS)
    if not ready:
        kept["conditions"] = [_texts(each, CONDITION) for each in status.objects("conditions")]
        kept["initContainerStatuses"] = _containers(status, "initContainerStatuses", WAITING_CONTAINER)
    names = CONTAINER if ready else WAITING_CONTAINER
    kept["containerStatuses"] = _containers(status, "containerStatuses", names)
    containers = [] if ready else spec.objects("containers")
    metadata = pod.needed_inside("metadata")
    is_bare = pod_annotations.is_bare(metadata.texts("annotations"))
    return {
        "metadata": _only(metadata, METADATA),
        "isBare": is_bare,
        "spec": {"nodeName": spec.text("nodeName"), "containers": [_requests(each) for each in containers]},
        "status": kept,
    }


def is_ready(pod: Fields) -> bool:
    """Return whether Kubernetes counts the pod as ready."""
    if "deletionTimestamp" in pod.needed_inside("metadata"):
        return False
    conditions = pod.inside("status").objects("conditions")
    return any((each.text("type"), each.text("status")) == ("Ready", "True") for each in conditions)


def deployment_of(pod: Mapping[str, Any]) -> str:
    """Return the name of the Deployment whose ReplicaSet made the pod; empty if none did.

    Labels alone make no pod a release's own: anybody may write them. A pod that names a ReplicaSet that does not have
    it is removed by Kubernetes.
    """
    metadata = pod["metadata"]
    ending = f"-{(metadata.get('labels') or {}).get('pod-template-hash', '')}"
    for owner in metadata.get("ownerReferences") or ():
        name = str(owner.get("name") or "")
        if owner.get("kind") == "ReplicaSet" and owner.get("controller") and name.endswith(ending):
            return name.removesuffix(ending)
    return ""


def _containers(status: Fields, name: str, names: Iterable[str]) -> list[dict[str, Any]]:
    return [_container(each, names) for each in status.objects(name)]


def _container(status: Fields, names: Iterable[str]) -> dict[str, Any]:
    status.needed_text("name")
    status.truth("ready")
    status.number("restartCount")
    for state in (status.inside("state"), status.inside("lastState")):
        for name, _ in state:
            told = state.inside(name)
            _texts(told, ("reason", "message", "startedAt", "finishedAt"))
            told.number("exitCode")
            told.number("signal")
    return _only(status, names)


def _requests(container: Fields) -> dict[str, Any]:
    container.needed_text("name")
    requests = container.inside("resources").texts("requests")
    return {"name": container.text("name"), "resources": {"requests": requests}}


def _texts(fields: Fields, names: Iterable[str]) -> dict[str, Any]:
    for name in names:
        fields.text(name)
    return _only(fields, names)


def _only(fields: Fields, names: Iterable[str]) -> dict[str, Any]:
    return {name: fields.whole[name] for name in names if name in fields}
