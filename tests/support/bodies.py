"""API objects for tests in the API's own JSON form: valid by default, each argument changes one thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from support.builders import NOON, TAG

from e2i.api import naming
from e2i.api.conditions import timestamp


def a_body(
    *,
    name: str = "churn",
    spec: Mapping[str, Any] | None = None,
    uid: str = "uid-model",
    generation: int = 1,
    version: int = 1,
    status: Mapping[str, Any] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    """An E2IModel as the API server returns it."""
    return {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "metadata": {
            "namespace": "models",
            "name": name,
            "uid": uid,
            "generation": generation,
            "resourceVersion": str(version),
            "creationTimestamp": timestamp(NOON),
            **metadata,
        },
        "spec": {"type": "Classification", "bento": {"tag": TAG}, **(spec or {})},
        **({"status": dict(status)} if status else {}),
    }


def a_child_body(
    kind: str,
    *,
    name: str,
    uid: str = "uid-child",
    owner: str | None = "uid-model",
    model: str | None = "churn",
    version: int = 1,
    generation: int = 1,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A child as the API server returns it; `owner` None is somebody else's object."""
    owners = [{"uid": owner, "controller": True, "kind": naming.KIND, "name": model}] if owner else []
    marks = ({naming.MODEL_LABEL: model} if model else {}) | dict(labels or {})
    return {
        "kind": kind,
        "metadata": {
            "namespace": "models",
            "name": name,
            "uid": uid,
            "generation": generation,
            "resourceVersion": str(version),
            "creationTimestamp": timestamp(NOON),
            "labels": marks,
            "annotations": dict(annotations or {}),
            "ownerReferences": owners,
        },
        "spec": dict(spec or {}),
        **({"status": dict(status)} if status else {}),
    }


def a_condition(type_: str, status: str, message: str = "", at: datetime = NOON) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": "Because",
        "message": message,
        "lastTransitionTime": timestamp(at),
    }


def a_pod(
    *,
    name: str = "churn-0b1d77e2-abc",
    conditions: Iterable[Mapping[str, Any]] = (),
    containers: Iterable[Mapping[str, Any]] = (),
    init: Iterable[Mapping[str, Any]] = (),
    leaving: bool = False,
    created: datetime = NOON,
) -> dict[str, Any]:
    """A pod's body; containers are container statuses."""
    metadata: dict[str, Any] = {
        "namespace": "models",
        "name": name,
        "creationTimestamp": timestamp(created),
    }
    if leaving:
        metadata["deletionTimestamp"] = timestamp(NOON)
    status = {
        "conditions": list(conditions),
        "initContainerStatuses": list(init),
        "containerStatuses": list(containers),
    }
    return {"metadata": metadata, "status": status}
