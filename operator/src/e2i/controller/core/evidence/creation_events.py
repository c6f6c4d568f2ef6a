"""Finds in the events of a pod why its containers are not created: its status only says that they are not yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.evidence.newest_event import newest, newest_message

Body = Mapping[str, Any]

PATIENCE = timedelta(seconds=10)
"""A pod that is created for this long is asked about: mounts take a second or two."""
PULL_PATIENCE = timedelta(seconds=60)
"""A large image takes its time."""
_CREATING = "ContainerCreating"
_MISSING = "not found"
_PULLING = "Pulling"
_TELLING = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", _PULLING)


def pod_in_creation(pods: Iterable[Body]) -> str | None:
    """Return the name of a pod that has a node and whose containers are not created yet; None if there is none."""
    return next((str(pod["metadata"]["name"]) for pod in pods if _is_creating(pod)), None)


def _is_creating(pod: Body) -> bool:
    statuses = pod["status"].get("containerStatuses") or ()
    return any(each.get("state", {}).get("waiting", {}).get("reason") == _CREATING for each in statuses)


def held_creation(pod: str, namespace: str, events: Iterable[Body], lasts: timedelta) -> Problem | None:
    """Return what the newest event says that holds up the pod, which has been in creation for `lasts`; or None.

    Only a Secret or ConfigMap that is not there is the release's own failure. Storage that is away, a node without
    network, and a pull that does not end are nobody's here.
    """
    last = newest(each for each in events if each.get("reason") in _TELLING)
    words = newest_message([last] if last else [])
    if last is None or not words:
        return None
    if last["reason"] == _PULLING:
        return _pull(pod, words) if lasts >= PULL_PATIENCE else None
    is_missing = last["reason"] == "FailedMount" and words.endswith(_MISSING)
    advice = (
        f"Create it in namespace {namespace}, or change spec.volumes" if is_missing else "It is tried again"
    )
    return Problem(
        reason=Reason.ContainerConfigError,
        message=f"pod {pod} cannot start: {words}. {advice}",
        blameless=not is_missing,
    )


def _pull(pod: str, words: str) -> Problem:
    advice = "If that does not end, look at the registry and at the node of the pod"
    message = f"pod {pod} waits for its image: {words}. {advice}"
    return Problem(reason=Reason.Deploying, message=message, blameless=True)
