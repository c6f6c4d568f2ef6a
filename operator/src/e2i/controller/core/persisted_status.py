"""The fields of the status that the next pass reads: failed trials, history, canary progress. Pure.

The operator stores nothing else in the cluster, and a restarted operator continues from the status. The release
store (`api.release_record`) has the same facts for a cluster that lost its statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from e2i.api.conditions import Reason, one_line, parse_timestamp, timestamp
from e2i.api.model import Model
from e2i.api.plain_text import cut

Body = Mapping[str, Any]

_EVIDENCE = {"pod": 253, "container": 63, "terminatedReason": 128, "log": 4096, "http": 2048}
"""Texts of status.failedReleases[].evidence, with the bytes that they may have."""

SERVING = "Serving"
SUPERSEDED = "Superseded"
ROLLED_BACK = "RolledBack"
FAILED = "Failed"
OVERTAKEN = "Overtaken"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A trial that a final `Problem` condemned, and why: it is not tried again as it is."""

    release: str
    tag: str
    digest: str
    trial: str
    reason: Reason
    message: str
    failed_at: datetime
    request_uid: str = ""
    """The BentoRequest of the trial. Not times but uids say what belongs to it: clocks may be set."""
    deployment_uid: str = ""
    """The BentoDeployment of the trial."""
    switched_at: datetime | None = None
    """When it had got the address, if it failed while it had it."""
    evidence: Body = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the history; `result` is one of the words above."""

    release: str
    tag: str
    digest: str
    result: str
    image: str = ""
    restart: str = ""
    """The restart that made it."""
    started_at: datetime | None = None
    served_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """Progress of a canary. `step` counts from 0; after the last step it gets all requests."""

    release: str
    step: int
    started_at: datetime
    promotion: str
    """Value of the annotation promote-at when the step began: another value ends a pause."""
    asked_at: datetime | None = None
    """When its release was asked for. Its objects are gone before the history has it."""
    restart: str = ""
    """The restart that made its release."""

    def next(self, now: datetime, promotion: str) -> Canary:
        """Return the progress at the beginning of the next step."""
        return replace(self, step=self.step + 1, started_at=now, promotion=promotion)


def failures(model: Model) -> tuple[Failure, ...]:
    """Return the failed trials of the status."""
    return tuple(_failure(body) for body in model.status.get("failedReleases", ()))


def history(model: Model) -> tuple[Entry, ...]:
    """Return the history, the newest entry first."""
    return history_of(model.status)


def history_of(status: Body) -> tuple[Entry, ...]:
    """Return the history of a status, the newest entry first."""
    return tuple(_entry(body) for body in status.get("history", ()))


def proved(model: Model) -> tuple[str, ...]:
    """Return the releases that served and did not fail while serving, the newest first."""
    return tuple(entry.release for entry in history(model) if entry.result in (SERVING, SUPERSEDED))


def canary(model: Model) -> Canary | None:
    """Return the progress of the canary, or None if the status has none."""
    body = model.status.get("rollout") or {}
    started = _moment(body, "stepStartedAt")
    if started is None:
        return None
    return Canary(
        release=body.get("release", ""),
        step=max(0, body.get("step", 0)),
        started_at=started,
        promotion=body.get("promotion", ""),
        asked_at=_moment(body, "startedAt"),
        restart=body.get("restartAt", ""),
    )


def canary_weight(model: Model) -> int:
    """Return the percentage of the requests that the canary of the last status had, or should have had."""
    body = model.status.get("rollout") or {}
    weight: int = body.get("actualWeight") or body.get("weight") or 0
    return weight


def parked_at(model: Model) -> datetime | None:
    """Return since when the model is parked, or was until it was woken: it is known until the model is Ready again."""
    return _moment(model.status, "parkedAt")


def retries(model: Model, release: str) -> int:
    """Return how often the release was tried again by itself."""
    body = model.status.get("retries") or {}
    return max(0, body.get("count", 0)) if body.get("release") == release else 0


def _failure(body: Body) -> Failure:
    return Failure(
        release=body["release"],
        tag=body.get("bentoTag", ""),
        digest=body.get("digest", ""),
        trial=body["trial"],
        reason=reason_of(body["reason"]),
        message=body["message"],
        failed_at=_moment(body, "failedAt") or LONG_AGO,
        request_uid=body.get("requestUid", ""),
        deployment_uid=body.get("deploymentUid", ""),
        switched_at=_moment(body, "switchedAt"),
        evidence=body.get("evidence", {}),
    )


def reason_of(word: str) -> Reason:
    """Return the reason of this name; Refused for one that only another version of the operator knows."""
    return Reason.__members__.get(word, Reason.Refused)


def _entry(body: Body) -> Entry:
    return Entry(
        release=body["release"],
        tag=body.get("bentoTag", ""),
        digest=body.get("digest", ""),
        result=body["result"],
        image=body.get("image", ""),
        restart=body.get("restartAt", ""),
        started_at=_moment(body, "startedAt"),
        served_at=_moment(body, "servedAt"),
        ended_at=_moment(body, "endedAt"),
        reason=body.get("reason", ""),
        message=body.get("message", ""),
    )


def _moment(body: Body, name: str) -> datetime | None:
    """Return the time, or None if a status that was edited by hand has none."""
    try:
        return parse_timestamp(body[name])
    except (KeyError, ValueError):
        return None


def failure_status(failure: Failure) -> dict[str, Any]:
    """Return an item of status.failedReleases."""
    return _without_empty(
        release=failure.release,
        bentoTag=failure.tag,
        digest=failure.digest,
        trial=failure.trial,
        reason=failure.reason.name,
        message=one_line(failure.message),
        failedAt=timestamp(failure.failed_at),
        requestUid=failure.request_uid,
        deploymentUid=failure.deployment_uid,
        switchedAt=timestamp(failure.switched_at) if failure.switched_at else "",
        evidence=_evidence(failure.evidence),
    )


def _evidence(body: Body) -> dict[str, Any]:
    """Return the evidence within the lengths of the schema: that of a record in the bucket may be anybody's."""
    texts = {
        name: cut(body[name], most) for name, most in _EVIDENCE.items() if isinstance(body.get(name), str)
    }
    code = body.get("exitCode")
    return texts | ({"exitCode": code} if type(code) is int and abs(code) < 2**31 else {})


def entry_status(entry: Entry) -> dict[str, Any]:
    """Return an item of status.history."""
    return _without_empty(
        release=entry.release,
        bentoTag=entry.tag,
        digest=entry.digest,
        image=entry.image,
        restartAt=entry.restart,
        startedAt=timestamp(entry.started_at) if entry.started_at else "",
        servedAt=timestamp(entry.served_at) if entry.served_at else "",
        endedAt=timestamp(entry.ended_at) if entry.ended_at else "",
        result=entry.result,
        reason=entry.reason,
        message=entry.message,
    )


def canary_status(canary: Canary, weight: int, actual: int) -> dict[str, Any]:
    """Return status.rollout."""
    return {
        "release": canary.release,
        "step": canary.step,
        "stepStartedAt": timestamp(canary.started_at),
        "weight": weight,
        "actualWeight": actual,
        **_without_empty(
            promotion=canary.promotion,
            startedAt=timestamp(canary.asked_at) if canary.asked_at else "",
            restartAt=canary.restart,
        ),
    }


def _without_empty(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not empty."""
    return {name: value for name, value in fields.items() if value not in ("", None, {})}
