"""The state of one pod: a word and a message, the operator's own if it has one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import naming
from e2i.api.problem import Problem
from e2i.controller.core.evidence.pod_problems import build_problem, release_problem

Body = Mapping[str, Any]

DEPLOYMENT_LABEL = "yatai.ai/bento-deployment"
"""Yatai's label with the BentoDeployment that a pod belongs to. It is the Deployment's name too, and two releases
share it while one is edited in place."""


def build_of(pod: Body) -> str | None:
    """Return the BentoRequest whose image the pod builds, or None."""
    return (pod["metadata"].get("labels") or {}).get(naming.BUILD_LABEL)


def deployment_of(pod: Body) -> str | None:
    """Return the BentoDeployment (and Deployment) of the pod, or None."""
    return (pod["metadata"].get("labels") or {}).get(DEPLOYMENT_LABEL)


def document(pod: Body, *, building: bool = False) -> dict[str, Any]:
    """Return the pod as `status -o json` prints it."""
    problem = None if _is_ready(pod) else build_problem([pod]) if building else _problem(pod)
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return {
        "name": pod["metadata"]["name"],
        "created": pod["metadata"]["creationTimestamp"],
        "state": problem.reason.name if problem else _state(pod),
        "message": problem.message if problem else "",
        "restarts": sum(status.get("restartCount", 0) for status in statuses),
        "node": pod.get("spec", {}).get("nodeName"),
    }


def _problem(pod: Body) -> Problem | None:
    """Return what keeps the pod from being ready, or None. Only the operator decides whether that is final."""
    return release_problem([pod])


def _state(pod: Body) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    status = pod.get("status", {})
    phase: str = status.get("phase", "Pending")
    if phase != "Running":
        return "Starting" if phase == "Pending" else phase
    return "Ready" if _is_ready(pod) else "NotReady"


def _is_ready(pod: Body) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any((item["type"], item["status"]) == ("Ready", "True") for item in conditions)
