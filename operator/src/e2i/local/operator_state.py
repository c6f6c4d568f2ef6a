"""Explain from its pods why the operator's Deployment is not available. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Pod = dict[str, Any]


def why_unavailable(pods: Sequence[Pod], log: str) -> str:
    """Return one sentence for each pod of the operator, then the last line of its log."""
    sentences = [_of_pod(pod) for pod in pods] or ["There is no pod of it."]
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "")
    return " ".join([*sentences, *([f"Its log ends with: {last}"] if last else [])])


def _of_pod(pod: Pod) -> str:
    name = pod["metadata"]["name"]
    statuses = pod.get("status", {}).get("containerStatuses") or []
    if not statuses:
        return f"Pod {name} {_why_not_placed(pod)}."
    return f"Pod {name} {_of_container(statuses[0])}."


def _why_not_placed(pod: Pod) -> str:
    """Return why the pod has no container: the scheduler's message, if there is one."""
    conditions = pod.get("status", {}).get("conditions") or []
    message = next((item.get("message") for item in conditions if item.get("status") == "False"), None)
    return f"has no container yet: {message}" if message else "has no container yet"


def _of_container(status: dict[str, Any]) -> str:
    state = status.get("state", {})
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated")
    restarts = status.get("restartCount", 0)
    times = f", and was started again {restarts} time{'s' * (restarts != 1)}" if restarts else ""
    if "running" in state:
        return f"runs since {state['running'].get('startedAt')} and is not ready{times}"
    if ended:
        return f"ended with exit code {ended.get('exitCode')} ({ended.get('reason')}){times}"
    waiting = state.get("waiting", {})
    return f"waits: {waiting.get('reason')} {waiting.get('message') or ''}".rstrip() + times
