"""A pod whose containers are not created: an event says why, and only what is missing is the release's own fault."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.api.conditions import Reason
from e2i.controller.core.evidence.creation_events import (
    PATIENCE,
    PULL_PATIENCE,
    held_creation,
    pod_in_creation,
)

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
    for event in (
        {"reason": "FailedMount", "message": None},
        {"reason": "Scheduled", "message": "to a node"},
    ):
        assert held_creation("churn-1", "models", [event], PULL_PATIENCE) is None


@pytest.mark.parametrize(
    ("reason", "message", "advice", "blameless"),
    [
        ("FailedMount", MISSING, "Create it in namespace models, or change spec.volumes", False),
        ("FailedCreatePodSandBox", "no network: plugin not found", "It is tried again", True),
        (
            "FailedMount",
            "Unable to attach or mount volumes: timed out waiting for the condition",
            "It is tried again",
            True,
        ),
    ],
)
def test_the_newest_event_counts(reason: str, message: str, advice: str, blameless: bool) -> None:
    events = [
        {"reason": "Pulling", "message": "an older one", "lastTimestamp": "2026-11-30T03:00:00Z"},
        {"reason": reason, "message": message, "lastTimestamp": "2026-11-30T03:00:01Z"},
        {"reason": "Scheduled", "message": "of another matter", "lastTimestamp": "2026-11-30T03:00:02Z"},
    ]
    problem = held_creation("churn-1", "models", events, PATIENCE)
    assert problem
    assert problem.reason is Reason.ContainerConfigError
    assert problem.message == f"pod churn-1 cannot start: {message}. {advice}"
    assert problem.blameless is blameless


def test_a_pull_that_does_not_end_is_told_after_a_minute_and_is_no_failure_of_the_release() -> None:
    pulling = {"reason": "Pulling", "message": 'Pulling image "registry.example/churn:1"'}
    assert held_creation("churn-1", "models", [pulling], PATIENCE) is None, "a large image takes its time"
    problem = held_creation("churn-1", "models", [pulling], PULL_PATIENCE)
    assert problem
    assert problem.reason is Reason.Deploying
    assert problem.message.startswith(
        'pod churn-1 waits for its image: Pulling image "registry.example/churn:1". If'
    )
    assert problem.blameless
