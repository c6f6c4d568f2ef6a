"""Finds in the events of a pod why its volumes cannot be mounted: its status only says that it is created. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.evidence.newest_event import newest_message

Body = Mapping[str, Any]

PATIENCE = timedelta(seconds=10)
"""A pod that is created for this long is asked about: mounts take a second or two."""
_CREATING = "ContainerCreating"
_MISSING = "not found"


def pod_in_creation(pods: Iterable[Body]) -> str | None:
    """Return the name of a pod that has a node and whose containers are not created yet; None if there is none."""
    return next((str(pod["metadata"]["name"]) for pod in pods if _is_creating(pod)), None)


def _is_creating(pod: Body) -> bool:
    statuses = pod["status"].get("containerStatuses") or ()
    return any(each.get("state", {}).get("waiting", {}).get("reason") == _CREATING for each in statuses)


def failed_mount(pod: str, namespace: str, events: Iterable[Body]) -> Problem | None:
    """Return the newest failure to mount a volume of the pod; None if there is none.

    Only a Secret or ConfigMap that is not there is the release's own failure. Storage that is away is nobody's here.
    """
    words = newest_message(events)
    if not words:
        return None
    is_missing = words.endswith(_MISSING)
    advice = (
        f"Create it in namespace {namespace}, or change spec.volumes" if is_missing else "It is tried again"
    )
    return Problem(
        reason=Reason.ContainerConfigError,
        message=f"pod {pod} cannot start: {words}. {advice}",
        blameless=not is_missing,
    )
