"""One pod in one word and one sentence, the operator's own where it has one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api.conditions import parse_timestamp
from e2i.api.problem import Problem
from e2i.controller.core.evidence.pod_problems import build_problem, release_problem

Body = Mapping[str, Any]

BUILD_LABEL = "yatai.ai/bento-request"
DEPLOYMENT_LABEL = "yatai.ai/bento-deployment"
"""Yatai's labels: what a pod builds, and what it runs for. The second is the Deployment's name too, and holds for
pods of two releases while one is edited in place."""


def build_of(pod: Body) -> str | None:
    """The BentoRequest whose image the pod builds."""
    return (pod["metadata"].get("labels") or {}).get(BUILD_LABEL)


def deployment_of(pod: Body) -> str | None:
    """The BentoDeployment, and Deployment, that the pod runs for."""
    return (pod["metadata"].get("labels") or {}).get(DEPLOYMENT_LABEL)


def document(pod: Body, *, building: bool = False) -> dict[str, Any]:
    """The pod as `status -o json` shows it."""
    trouble = None if _is_ready(pod) else build_problem([pod]) if building else _trouble(pod)
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return {
        "name": pod["metadata"]["name"],
        "created": pod["metadata"]["creationTimestamp"],
        "state": trouble.reason.name if trouble else _state(pod),
        "message": trouble.message if trouble else "",
        "restarts": sum(status.get("restartCount", 0) for status in statuses),
        "node": pod.get("spec", {}).get("nodeName"),
    }


def _trouble(pod: Body) -> Problem | None:
    """What holds it up. Whether that is final is the operator's to say, so no present moment is needed."""
    return release_problem([pod], parse_timestamp(pod["metadata"]["creationTimestamp"]))


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
