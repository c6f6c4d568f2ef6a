"""Collects the evidence of a failed release from its pods, for the person who looks for the cause. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2i.api.plain_text import clean
from e2i.controller.core.evidence.log_excerpts import (
    LONGEST_LOG,
    log_excerpt,
    missing_variable,
    own_exception,
)
from e2i.controller.core.evidence.pod_problems import MODEL_CONTAINER

Body = Mapping[str, Any]

_LONGEST_REASON, _LONGEST_HTTP = 128, 2048
_STARTING = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence of a failure. Fields without a value are empty."""

    pod: str = ""
    container: str = ""
    terminated_reason: str = ""
    """Reason of the container runtime: Error, OOMKilled, Completed."""
    exit_code: int | None = None
    log: str = ""
    http: str = ""
    """POST /predict -> 200: {...}"""
    exception: str = ""
    """The service's own exception, from the log."""
    variable: str = ""
    """The environment variable whose lack is that exception."""
    probe: str = ""
    """The last failure of a probe, by the events of the pod."""


@dataclass(frozen=True, kw_only=True)
class EvidenceSource:
    """The container of a release that explains its failure best."""

    namespace: str
    pod: str
    container: str
    ended: Body | None
    """Its last termination, if there was one."""
    previous: bool
    """Whether to read the log of the previous run."""


def evidence_source(pods: Iterable[Body]) -> EvidenceSource | None:
    """Return the container that explains the failure best; None if all pods are being deleted.

    The container of the model, once it was started, because only it condemns a release. Else in this order: one that
    failed, one that ended, one that cannot start, one that is not ready, one that runs. The log of a running container
    may explain a wrong answer.
    """
    found = [each for pod in pods if "deletionTimestamp" not in pod["metadata"] for each in _sources(pod)]
    return max(found, key=lambda each: each[0], default=(0, None))[1]


def _sources(pod: Body) -> Iterator[tuple[int, EvidenceSource]]:
    metadata, status = pod["metadata"], pod.get("status", {})
    for init in status.get("initContainerStatuses") or ():
        # An init container that has succeeded, or that is a running sidecar, is not the cause.
        if not init.get("ready"):
            yield _weight(init), _source(metadata, init)
    for container in status.get("containerStatuses") or ():
        yield _weight(container), _source(metadata, container)


def _source(metadata: Body, container: Body) -> EvidenceSource:
    state, last = container.get("state", {}), container.get("lastState", {})
    return EvidenceSource(
        namespace=metadata["namespace"],
        pod=metadata["name"],
        container=container["name"],
        ended=_ended(container),
        previous="terminated" not in state and "terminated" in last,
    )


def _ended(container: Body) -> Body | None:
    state, last = container.get("state", {}), container.get("lastState", {})
    ended: Body | None = state.get("terminated") or last.get("terminated")
    return ended


def _weight(container: Body) -> int:
    """Return how well the container explains a failure; larger is better."""
    ended, waiting = _ended(container), container.get("state", {}).get("waiting", {}).get("reason")
    if container["name"] == MODEL_CONTAINER and waiting not in _STARTING:
        return 10 + _weight({**container, "name": ""})
    if ended and (ended.get("exitCode") or ended.get("reason") == "OOMKilled"):
        return 5
    if ended or waiting == "CrashLoopBackOff":
        return 4
    if waiting and waiting not in _STARTING:
        return 3
    return 1 if container.get("ready") else 2


def of_pods(pods: Iterable[Body]) -> Evidence:
    """Return the evidence in the status of the pods; empty if there is none."""
    found = evidence_source(pods)
    return evidence_from(found) if found else Evidence()


def evidence_from(found: EvidenceSource, lines: Sequence[str] = (), probe: str = "") -> Evidence:
    """Return the evidence of one container; `lines` are those of its log, without secrets."""
    ended = found.ended or {}
    return Evidence(
        pod=found.pod,
        container=found.container,
        terminated_reason=ended.get("reason", ""),
        exit_code=ended.get("exitCode"),
        log=log_excerpt(lines),
        exception=own_exception(lines),
        variable=missing_variable(lines),
        probe=probe,
    )


def to_status(evidence: Evidence) -> dict[str, Any]:
    """Return status.failedReleases[].evidence, cut to the lengths of the schema, without empty fields."""
    fields = {
        "pod": evidence.pod,
        "container": evidence.container,
        "terminatedReason": clean(evidence.terminated_reason, _LONGEST_REASON),
        "exitCode": evidence.exit_code,
        "log": evidence.log[-LONGEST_LOG:],
        "http": evidence.http[:_LONGEST_HTTP],
    }
    return {name: value for name, value in fields.items() if value not in ("", None)}
