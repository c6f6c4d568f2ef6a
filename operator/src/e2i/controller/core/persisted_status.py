"""What the status remembers from pass to pass: failed trials, the history, the canary's progress. Pure.

The status is the operator's only memory in the cluster; a new operator goes on from it. The same facts, and
what it takes to run a release again, lie in the bucket (`api.release_record`) for a cluster that lost its statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from e2i.api.conditions import Reason, parse_timestamp, timestamp
from e2i.api.model import Model

Body = Mapping[str, Any]

SERVING = "Serving"
SUPERSEDED = "Superseded"
ROLLED_BACK = "RolledBack"
FAILED = "Failed"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A trial of a release that was given up, and why."""

    release: str
    tag: str
    digest: str
    trial: str
    reason: Reason
    message: str
    failed_at: datetime
    evidence: Body = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the history; `result` is one of the four words above."""

    release: str
    tag: str
    digest: str
    result: str
    image: str = ""
    started_at: datetime | None = None
    served_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """Where a canary is: `step` counts from 0; as many as there are steps means: it takes all requests."""

    release: str
    step: int
    started_at: datetime
    promotion: str
    """Value of the promote annotation when the step began: another one ends a pause."""

    def next(self, now: datetime, promotion: str) -> Canary:
        return replace(self, step=self.step + 1, started_at=now, promotion=promotion)


def failures(model: Model) -> tuple[Failure, ...]:
    return tuple(_failure(body) for body in model.status.get("failedReleases", ()))


def history(model: Model) -> tuple[Entry, ...]:
    """The newest first."""
    return tuple(_entry(body) for body in model.status.get("history", ()))


def proved(model: Model) -> tuple[str, ...]:
    """Releases that served and did not fail at it, the last one first."""
    return tuple(entry.release for entry in history(model) if entry.result in (SERVING, SUPERSEDED))


def canary(model: Model) -> Canary | None:
    body = model.status.get("rollout") or {}
    started = _moment(body, "stepStartedAt")
    if started is None:
        return None
    return Canary(
        release=body.get("release", ""),
        step=max(0, body.get("step", 0)),
        started_at=started,
        promotion=body.get("promotion", ""),
    )


def _failure(body: Body) -> Failure:
    return Failure(
        release=body["release"],
        tag=body.get("bentoTag", ""),
        digest=body.get("digest", ""),
        trial=body["trial"],
        reason=reason_of(body["reason"]),
        message=body["message"],
        failed_at=_moment(body, "failedAt") or LONG_AGO,
        evidence=body.get("evidence", {}),
    )


def reason_of(word: str) -> Reason:
    """A word that an older or newer operator wrote, and this one does not know, is a refusal without a name."""
    return Reason.__members__.get(word, Reason.Refused)


def _entry(body: Body) -> Entry:
    return Entry(
        release=body["release"],
        tag=body.get("bentoTag", ""),
        digest=body.get("digest", ""),
        result=body["result"],
        image=body.get("image", ""),
        started_at=_moment(body, "startedAt"),
        served_at=_moment(body, "servedAt"),
        ended_at=_moment(body, "endedAt"),
        reason=body.get("reason", ""),
        message=body.get("message", ""),
    )


def _moment(body: Body, name: str) -> datetime | None:
    """None for what is no time: a status that somebody wrote by hand must not stop the operator."""
    try:
        return parse_timestamp(body[name])
    except (KeyError, ValueError):
        return None


def failure_status(failure: Failure) -> dict[str, Any]:
    return _said(
        release=failure.release,
        bentoTag=failure.tag,
        digest=failure.digest,
        trial=failure.trial,
        reason=failure.reason.name,
        message=failure.message,
        failedAt=timestamp(failure.failed_at),
        evidence=dict(failure.evidence),
    )


def entry_status(entry: Entry) -> dict[str, Any]:
    return _said(
        release=entry.release,
        bentoTag=entry.tag,
        digest=entry.digest,
        image=entry.image,
        startedAt=timestamp(entry.started_at) if entry.started_at else "",
        servedAt=timestamp(entry.served_at) if entry.served_at else "",
        endedAt=timestamp(entry.ended_at) if entry.ended_at else "",
        result=entry.result,
        reason=entry.reason,
        message=entry.message,
    )


def canary_status(canary: Canary, weight: int, actual: int) -> dict[str, Any]:
    return {
        "release": canary.release,
        "step": canary.step,
        "stepStartedAt": timestamp(canary.started_at),
        "weight": weight,
        "actualWeight": actual,
        **_said(promotion=canary.promotion),
    }


def _said(**fields: Any) -> dict[str, Any]:
    """Only what there is something to say of."""
    return {name: value for name, value in fields.items() if value not in ("", None, {})}
