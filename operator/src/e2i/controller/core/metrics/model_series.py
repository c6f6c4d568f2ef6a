"""The series of one model, from its last status and its BentoDeployments. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from e2i.api import conditions
from e2i.api.conditions import Reason, parse_timestamp
from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.children import BentoDeployment, BentoRequest
from e2i.controller.core.metrics import catalog
from e2i.controller.core.metrics.catalog import Metric
from e2i.controller.core.metrics.series import Series
from e2i.controller.core.pods import Pod, deployment_of


def readiness(model: Model) -> tuple[str, str]:
    """Return status and reason of the condition Ready; a model that no pass has looked at yet is Pending."""
    for condition in model.status.get("conditions", ()):
        if condition.get("type") == conditions.READY:
            return str(condition.get("status", "Unknown")), str(condition.get("reason", ""))
    return "Unknown", Reason.Pending.name


def model_series(
    model: Model,
    deployments: Iterable[BentoDeployment],
    requests: Iterable[BentoRequest],
    pods: Iterable[Pod] = (),
) -> Iterator[Series]:
    """Return the series of a model."""
    deployments = tuple(deployments)

    def series(metric: Metric, value: float, *labels: str) -> Series:
        return Series(metric, (*model.key, *labels), value)

    status = model.status
    ready, reason = readiness(model)
    yield series(catalog.MODEL_READY, ready == "True", reason)
    for labels in _releases(model, deployments, requests):
        yield series(catalog.RELEASE_INFO, 1, *labels)
    yield series(catalog.REPLICAS, _count(status.get("replicas")))
    yield series(catalog.READY_REPLICAS, _count(status.get("readyReplicas")))
    if model.autoscaling.maximum > model.autoscaling.minimum:
        yield series(catalog.MAX_REPLICAS, model.autoscaling.maximum)
    desired = status.get("desiredRelease")
    for failure in persisted_status.failures(model):
        if failure.release == desired:
            yield series(catalog.QUARANTINED, 1, failure.release, failure.reason.name)
            break
    yield from _of_rollback(model)
    canary = persisted_status.canary(model)
    if canary:
        weight = persisted_status.canary_weight(model) / 100
        yield series(catalog.CANARY_WEIGHT, weight, canary.release)
        yield series(catalog.CANARY_STEP_AT, canary.started_at.timestamp(), canary.release)
    for told in status.get("conditions", ()):
        if told.get("type") == conditions.DRIFTED:
            yield series(catalog.DRIFTED, told.get("status") == "True", str(status.get("servingRelease", "")))
    yield from _of_memory(model, deployments, pods)


def _of_rollback(model: Model) -> Iterator[Series]:
    for entry in persisted_status.history(model):
        if entry.result == persisted_status.ROLLED_BACK and entry.ended_at:
            labels = (*model.key, entry.release, entry.reason)
            yield Series(catalog.ROLLED_BACK_AT, labels, entry.ended_at.timestamp())
            return


def _of_memory(model: Model, deployments: Iterable[BentoDeployment], pods: Iterable[Pod]) -> Iterator[Series]:
    """Return for each release when a container of its own pods last ended for its memory."""
    names, last = {child.name for child in deployments}, dict[str, float]()
    for pod in pods:
        ended = _killed_for_memory(pod.body) if pod.release else 0.0
        if pod.release and ended and deployment_of(pod.body) in names:
            last[pod.release] = max(last.get(pod.release, 0.0), ended)
    for release, moment in sorted(last.items()):
        yield Series(catalog.OOM_KILLED_AT, (*model.key, release), moment)


def _killed_for_memory(pod: Mapping[str, Any]) -> float:
    """Return when the kernel last ended a container of the pod for its memory, in seconds since 1970; 0 if never."""
    moments = [0.0]
    for container in pod["status"]["containerStatuses"]:
        for state in ("state", "lastState"):
            ended = (container.get(state) or {}).get("terminated") or {}
            if ended.get("reason") == "OOMKilled":
                with contextlib.suppress(ValueError):
                    moments.append(parse_timestamp(ended.get("finishedAt", "")).timestamp())
    return max(moments)


def _releases(
    model: Model, deployments: Iterable[BentoDeployment], requests: Iterable[BentoRequest]
) -> Iterator[tuple[str, ...]]:
    """Return release, tag, digest, entry service and role of each release that has a BentoDeployment."""
    serving, desired = model.status.get("servingRelease"), model.status.get("desiredRelease")
    artifacts = {request.name: request.artifact for request in requests}
    seen = set[str]()
    for child in deployments:
        release = child.release
        if release is None or release in seen:
            continue
        seen.add(release)
        artifact = artifacts.get(child.spec.get("bento", ""))
        digest, service = (artifact.digest, artifact.service) if artifact else ("", "")
        role = "serving" if release == serving else "desired" if release == desired else "kept"
        yield release, child.tag, digest, service, role


def _count(value: Any) -> float:
    return value if type(value) is int else 0
