"""The trace of a release, from the moment its spec was seen until it serves or was given up. Pure.

Everything is computed when the release has ended, from the times that its status has. So a restart of the operator in
the middle changes nothing, and the ids follow from model and release: what is sent twice is one trace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from e2i.api import conditions
from e2i.api.conditions import Reason, parse_timestamp
from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.persisted_status import FAILED, ROLLED_BACK, SERVING, Entry
from e2i.controller.core.releases.failure_kinds import VERIFICATION_FAILURES

STEPS = ("export", "build", "rollout", "verification", "switch")
ROOT = "release"
Marks = Mapping[str, datetime]
"""When Ready got a reason for the first time, as far as this process saw it."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span, as OpenTelemetry has it."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    begin: datetime
    end: datetime
    error: str = ""
    """Why it failed."""
    attributes: Mapping[str, str] = field(default_factory=dict)


def ended(model: Model, status: Mapping[str, Any], marks: Marks) -> Iterator[Span]:
    """Return the spans of the releases that have ended with `status`, which follows the status that `model` has."""
    old, new = _Status(model.status), _Status(status)
    known = {(entry.release, entry.result, entry.ended_at) for entry in persisted_status.history(model)}
    for entry in new.history:
        is_new = (entry.release, entry.result, entry.ended_at) not in known
        if entry.result in (FAILED, ROLLED_BACK) and is_new and entry.ended_at:
            yield from _trace(model, entry, old.begun or entry.started_at, entry.ended_at, new, marks)
    serving = next((entry for entry in new.history if entry.result == SERVING), None)
    ready = new.since(conditions.READY, "True")
    # What becomes Ready again, after a restart of its pods for instance, was switched long before it began to wait.
    if serving and ready and old.begun and serving.served_at and serving.served_at >= old.begun:
        yield from _trace(model, serving, old.begun, ready, new, marks)


def trace_id(model_uid: str, release: str) -> int:
    """Return the id of the trace: the same in each life of the operator."""
    return _number(f"{model_uid}/{release}", 16)


def _number(text: str, size: int) -> int:
    """Return `size` bytes of a hash, never zero, which is no id."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size]) or 1


class _Status:
    """The times in a status."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._conditions = {each["type"]: each for each in body.get("conditions", ())}
        self.history: Sequence[Entry] = persisted_status.history_of(body)

    @property
    def begun(self) -> datetime | None:
        """Since when there is something to do: a moment after the spec was applied."""
        return self.since(conditions.RECONCILING, "True")

    def since(self, kind: str, status: str) -> datetime | None:
        """Return since when the condition has this status, or None if it has another one."""
        found = self._conditions.get(kind, {})
        try:
            return parse_timestamp(found["lastTransitionTime"]) if found["status"] == status else None
        except (KeyError, ValueError):
            return None


def _trace(
    model: Model, entry: Entry, begin: datetime | None, end: datetime, status: _Status, marks: Marks
) -> Iterator[Span]:
    if begin is None or begin > end:
        return
    trace, error = trace_id(model.uid, entry.release), ""
    if entry.result != SERVING:
        error = f"{entry.reason}: {entry.message}"
    root = _number(f"{trace}/{ROOT}/{begin.isoformat()}", 8)
    attributes = {
        "e2i.model": model.name,
        "k8s.namespace.name": model.namespace,
        "e2i.release": entry.release,
        "e2i.bento.tag": entry.tag,
        "e2i.result": entry.result,
    }
    yield Span(name=ROOT, trace_id=trace, span_id=root, parent_id=None, begin=begin, end=end, error=error,
               attributes=attributes)  # fmt: skip
    at, steps = begin, [*_steps(entry, begin, end, status, marks)]
    for name, over in steps:
        is_last = name == steps[-1][0]
        yield Span(name=name, trace_id=trace, span_id=_number(f"{root}/{name}", 8), parent_id=root, begin=at,
                   end=over, error=error if is_last else "", attributes=attributes)  # fmt: skip
        at = over


def _steps(
    entry: Entry, begin: datetime, end: datetime, status: _Status, marks: Marks
) -> Iterator[tuple[str, datetime]]:
    """Return each step with its end. A step that took no part in this release, or whose end nobody saw, is left out.

    In a release that failed, the step that it was at ends with it.
    """
    served, verified = entry.served_at, status.since(conditions.VERIFIED, "True")
    was_asked = entry.reason in {reason.name for reason in VERIFICATION_FAILURES}
    over = {
        "export": status.since(conditions.EXPORTED, "True"),
        "build": status.since(conditions.BUILT, "True"),
        "rollout": marks.get(Reason.Verifying.name) or served or (end if was_asked else None),
        "verification": min(verified, served) if verified and served else verified,
        "switch": end if served else None,
    }
    at = begin
    for number, name in enumerate(STEPS):
        moment = over[name]
        if moment is None and entry.result != SERVING:
            yield name, end
            return
        if moment is None or moment < at:
            continue
        # A status may be written late: what followed a step says that it was over.
        moment = min(
            [moment, *(each for later in STEPS[number + 1 :] if (each := over[later]) and each >= at)]
        )
        yield name, moment
        at = moment
