"""Conditions as Yatai writes them: no observedGeneration, and the reason is nearly always `Reconciling`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from e2i.kube import Object

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True)
class Condition:
    """A controller's finding, before it is merged into an object's status."""

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
    """The conditions after `news`; times move only when a status changes, the order never does.

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
    """Every condition of the object, its status forgotten and its reason kept."""
    return [Condition(c["type"], "Unknown", message, c["reason"]) for c in conditions_of(item)]
