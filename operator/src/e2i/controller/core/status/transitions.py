"""What is new in a status, and so worth an event and a log line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import conditions
from e2i.api.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A condition that changed its status or reason; becomes one event and one log line."""

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
        Reason.Promoting,
        Reason.CanaryPaused,
        Reason.Paused,
        Reason.Suspended,
        Reason.Deleting,
    )
)
_UNTOLD = (Reason.Pending.name, Reason.NotAsked.name)


def transitions(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> Iterator[Transition]:
    """What is worth an event: a changed status or reason, told once however many conditions show it."""
    before = {condition["type"]: condition for condition in old}
    told: set[str] = set()
    # The summary comes after the parts it sums up, as they happened.
    for condition in sorted(new, key=lambda condition: condition["type"] == conditions.READY):
        was = before.get(condition["type"])
        same = was is not None and (was["status"], was["reason"]) == (
            condition["status"],
            condition["reason"],
        )
        if same or condition["reason"] in told or condition["reason"] in _UNTOLD:
            continue
        told.add(condition["reason"])
        yield Transition(
            type=condition["type"],
            status=condition["status"],
            reason=condition["reason"],
            message=condition["message"],
            warning=condition["reason"] not in _NORMAL,
        )
