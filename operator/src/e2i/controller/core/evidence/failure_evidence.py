"""What a failed release leaves behind for the person who looks for the cause. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from e2i.controller.core.evidence.redaction import redact

Body = Mapping[str, Any]

LOG_LINES = 20
LONGEST_LOG = 2048
"""Characters."""
_LONGEST_TEXT = 1 << 16
_LONGEST_REASON, _LONGEST_HTTP = 128, 2048
_STARTING = ("ContainerCreating", "PodInitializing")

# Colours and cursor movements, then titles of windows, then every other escape of two characters.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[^\[\]]?")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Empty where there is no such thing."""

    pod: str = ""
    container: str = ""
    terminated_reason: str = ""
    """The word of the container runtime: Error, OOMKilled, Completed."""
    exit_code: int | None = None
    log: str = ""
    http: str = ""
    """POST /predict -> 200: {...}"""


@dataclass(frozen=True, kw_only=True)
class EvidenceSource:
    """The container of a release that tells most of why it failed."""

    namespace: str
    pod: str
    container: str
    ended: Body | None
    """Its last ending, if there was one."""
    previous: bool
    """Whether its log is that of the run before the present one."""


def evidence_source(pods: Iterable[Body]) -> EvidenceSource | None:
    """The container to ask, the first of the equally telling; None without pods that are there to stay.

    One that ended badly tells most, then one that ended at all, then one that cannot start, then one that is not
    ready, at last one that runs: a wrong answer may have left a line in its log.
    """
    found = [each for pod in pods if "deletionTimestamp" not in pod["metadata"] for each in _sources(pod)]
    return max(found, key=lambda each: each[0], default=(0, None))[1]


def _sources(pod: Body) -> Iterator[tuple[int, EvidenceSource]]:
    metadata, status = pod["metadata"], pod.get("status", {})
    for init in status.get("initContainerStatuses") or ():
        # One that has done its work and ended well, or runs beside the others, is not the cause.
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
    """How much it tells."""
    ended, waiting = _ended(container), container.get("state", {}).get("waiting", {}).get("reason")
    if ended and (ended.get("exitCode") or ended.get("reason") == "OOMKilled"):
        return 5
    if ended or waiting == "CrashLoopBackOff":
        return 4
    if waiting and waiting not in _STARTING:
        return 3
    return 1 if container.get("ready") else 2


def of_pods(pods: Iterable[Body]) -> Evidence:
    """What the pods' own status tells; empty when there is none."""
    found = evidence_source(pods)
    return evidence_from(found) if found else Evidence()


def evidence_from(found: EvidenceSource, log: str = "") -> Evidence:
    """`log`: an excerpt of the container's log."""
    ended = found.ended or {}
    return Evidence(
        pod=found.pod,
        container=found.container,
        terminated_reason=ended.get("reason", ""),
        exit_code=ended.get("exitCode"),
        log=log,
    )


def to_status(evidence: Evidence) -> dict[str, Any]:
    """As status.failedReleases[].evidence has it, no longer than the schema allows, without what is empty."""
    fields = {
        "pod": evidence.pod,
        "container": evidence.container,
        "terminatedReason": evidence.terminated_reason[:_LONGEST_REASON],
        "exitCode": evidence.exit_code,
        "log": evidence.log[-LONGEST_LOG:],
        "http": evidence.http[:_LONGEST_HTTP],
    }
    return {name: value for name, value in fields.items() if value not in ("", None)}


def log_excerpt(log: str, secrets: tuple[str, ...]) -> str:
    """The last 20 lines that say something, at most 2048 characters, as plain text and without secrets."""
    # Colours first: they may stand in the middle of a secret. Cutting last: half a secret is not found.
    plain = "\n".join(_shown(line) for line in _ESCAPES.sub("", log[-_LONGEST_TEXT:]).split("\n"))
    # Nor do the marks that Python draws below the code in a traceback say anything.
    lines = [line for line in redact(plain, secrets).split("\n") if line.strip(" ^~")]
    text = "\n".join(lines[-LOG_LINES:])
    return text if len(text) <= LONGEST_LOG else f"…{text[1 - LONGEST_LOG :]}"


def _shown(line: str) -> str:
    """What a terminal would show of it: a progress bar that was drawn over and over shows its last state."""
    last = line.rstrip("\r").rpartition("\r")[2].replace("\t", "    ")
    return "".join(sign for sign in last if sign.isprintable()).rstrip()
