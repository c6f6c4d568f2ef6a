"""Conditions in Yatai's form: without observedGeneration, and nearly always with the reason `Reconciling`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from e2i.kube import Object

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True)
class Condition:
    """A condition before it is merged into an object's status."""

    type: str
    status: Status
    message: str
    reason: str = "Reconciling"


def conditions_of(item: Object) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = item.get("status", {}).get("conditions") or []
    return conditions


def find_condition(item: Object, kind: str) -> dict[str, Any] | None:
    return next((c for c in conditions_of(item) if c["type"] == kind), None)


def has_status(item: Object, kind: str, status: Status) -> bool:
    condition = find_condition(item, kind)
    return condition is not None and condition["status"] == status


def merge_conditions(
    old: Sequence[dict[str, Any]], news: Iterable[Condition], now: str
) -> list[dict[str, Any]]:
    """Merge `news` into the conditions; a time changes only if the status changes, and the order stays.

    `now` is an RFC 3339 time in UTC, to the second.
    """
    merged = {condition["type"]: dict(condition) for condition in old}
    for new in news:
        before = merged.get(new.type)
        since = before["lastTransitionTime"] if before and before["status"] == new.status else now
        merged[new.type] = {
            **(before or {}),
            "type": new.type,
            "status": new.status,
            "reason": new.reason,
            "message": new.message,
            "lastTransitionTime": since,
        }
    return list(merged.values())


def all_unknown(item: Object, message: str) -> list[Condition]:
    """Return every condition of the object with the status Unknown and its old reason."""
    return [Condition(c["type"], "Unknown", message, c["reason"]) for c in conditions_of(item)]
