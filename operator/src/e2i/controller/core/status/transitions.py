"""Finds the changes of a status that get an event and a log line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import conditions
from e2i.api.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A change of a condition's status or reason. It becomes one event and one log line."""

    type: str
    status: str
    reason: str
    message: str
    warning: bool


_NORMAL = frozenset(
    reason.name
    for reason in (
        Reason.Ready,
        Reason.Exported,
        Reason.Built,
        Reason.Serving,
        Reason.Pending,
        Reason.Exporting,
        Reason.Building,
        Reason.Deploying,
        Reason.Scaling,
        Reason.Switching,
        Reason.Verifying,
        Reason.Verified,
        Reason.NotAsked,
        Reason.InputsAsTrained,
        Reason.Promoting,
        Reason.CanaryPaused,
        Reason.Paused,
        Reason.Suspended,
        Reason.Parked,
        Reason.Deleting,
    )
)
_SILENT = (Reason.Pending.name, Reason.NotAsked.name)
"""Reasons without an event."""


def transitions(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> Iterator[Transition]:
    """Return the conditions whose status or reason changed; only one of several with the same reason."""
    before = {condition["type"]: condition for condition in old}
    reported: set[str] = set()
    # Ready is last, because it sums up the others.
    for condition in sorted(new, key=lambda condition: condition["type"] == conditions.READY):
        was = before.get(condition["type"])
        same = was is not None and (was["status"], was["reason"]) == (
            condition["status"],
            condition["reason"],
        )
        if same or condition["reason"] in reported or condition["reason"] in _SILENT:
            continue
        if was is None and condition["reason"] == Reason.InputsAsTrained.name:
            continue  # Of each new release; only inputs that are again as trained are news.
        reported.add(condition["reason"])
        yield Transition(
            type=condition["type"],
            status=condition["status"],
            reason=condition["reason"],
            message=condition["message"],
            warning=condition["reason"] not in _NORMAL,
        )
