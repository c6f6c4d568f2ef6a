"""Derive from the status of an E2IModel whether its release is waiting, serving or failed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import conditions
from e2i.api.conditions import Reason
from e2i.deploying.errors import Running, Verdict
from e2i.inspection.document import condition, is_current
from e2i.inspection.outcome import outcome
from e2i.kube import Object


@dataclass(frozen=True)
class Waiting:
    """The release goes on without a person; `phase` is the reason of Ready."""

    phase: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The release of the present spec has the address and all its pods."""

    url: str
    release: str
    bento: str
    digest: str
    conditions: tuple[Mapping[str, Any], ...]


State = Waiting | Serving | Verdict

NOT_OBSERVED = Waiting("Pending", "the operator has not looked at it yet")


def state_of(model: Object) -> State:
    """Return the state of the release of the present spec."""
    if not is_current(model):
        return NOT_OBSERVED
    ready = condition(model, conditions.READY)
    match outcome(model):
        case True if ready.get("reason") == Reason.Parked.name:
            return _verdict(model, ready)
        case True:
            return _serving(model)
        case None:
            return Waiting(
                ready.get("reason", NOT_OBSERVED.phase), ready.get("message", NOT_OBSERVED.message)
            )
        case False:
            return _verdict(model, ready)


def is_given_up(model: Object) -> bool:
    """Return whether the desired release failed. It is then not tried again without a change."""
    return _failure(model) is not None


def serving_tag(model: Object) -> str | None:
    """Return the tag of the bento that serves now, or None."""
    status = model.get("status", {})
    release = status.get("servingRelease")
    for entry in status.get("history", ()):
        if release and entry.get("release") == release and entry.get("bentoTag"):
            return str(entry["bentoTag"])
    return None


def _serving(model: Object) -> Serving:
    status = model["status"]
    return Serving(
        url=status["url"],
        release=status["servingRelease"],
        bento=model["spec"]["bento"]["tag"],
        digest=status.get("artifact", {}).get("digest", ""),
        conditions=tuple(status["conditions"]),
    )


def _verdict(model: Object, ready: Mapping[str, Any]) -> Verdict:
    failure = _failure(model) or {}
    return Verdict(
        reason=failure.get("reason") or ready.get("reason", ""),
        message=failure.get("message") or ready.get("message", ""),
        evidence=failure.get("evidence", {}),
        still_serving=_still_serving(model),
    )


def _failure(model: Object) -> Mapping[str, Any] | None:
    status = model.get("status", {})
    desired = status.get("desiredRelease")
    failed = status.get("failedReleases", ())
    return next((entry for entry in failed if entry["release"] == desired), None)


def _still_serving(model: Object) -> Running | None:
    status = model.get("status", {})
    release = status.get("servingRelease")
    if not release or condition(model, conditions.SERVING).get("status") != "True":
        return None
    record: Mapping[str, Any] = next(
        (entry for entry in status.get("history", ()) if entry["release"] == release), {}
    )
    return Running(release, record.get("bentoTag", ""))
