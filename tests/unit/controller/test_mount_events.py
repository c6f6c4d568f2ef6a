"""A pod whose volumes cannot be mounted: an event says why, and only what is missing is the release's own fault."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.api.conditions import Reason
from e2i.controller.core.evidence.mount_events import failed_mount, pod_in_creation

MISSING = 'MountVolume.SetUp failed for volume "keys" : secret "db" not found'


def a_pod(reason: str | None) -> dict[str, Any]:
    state = {"waiting": {"reason": reason}} if reason else {"running": {}}
    return {
        "metadata": {"name": "churn-1"},
        "status": {"containerStatuses": [{"name": "main", "state": state}]},
    }


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        (a_pod("ContainerCreating"), "churn-1"),
        (a_pod("CrashLoopBackOff"), None),
        (a_pod(None), None),
        ({"metadata": {"name": "churn-1"}, "status": {}}, None),
    ],
)
def test_a_pod_in_creation(pod: dict[str, Any], found: str | None) -> None:
    assert pod_in_creation([pod]) == found


def test_without_an_event_nothing_is_said() -> None:
    assert failed_mount("churn-1", "models", [{"message": None}]) is None


@pytest.mark.parametrize(
    ("message", "advice", "blameless"),
    [
        (MISSING, "Create it in namespace models, or change spec.volumes", False),
        ("Unable to attach or mount volumes: timed out waiting for the condition", "It is tried again", True),
    ],
)
def test_the_newest_event_counts(message: str, advice: str, blameless: bool) -> None:
    events = [
        {"message": "an older one", "lastTimestamp": "2026-11-30T03:00:00Z"},
        {"message": message, "lastTimestamp": "2026-11-30T03:00:01Z"},
    ]
    problem = failed_mount("churn-1", "models", events)
    assert problem
    assert problem.reason is Reason.ContainerConfigError
    assert problem.message == f"pod churn-1 cannot start: {message}. {advice}"
    assert problem.blameless is blameless
