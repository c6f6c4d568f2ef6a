"""What the demo says about an E2IModel: what is new in its conditions, whether it is ready or stuck. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from e2i.kube import Object

SHOWN = ("BentoExported", "ImageBuilt", "Verified", "ReleaseServing", "RolledBack", "Ready")
TOLD_WHOLE = "RolledBack"
"""Why a release was given up is what the user waits for."""
LONGEST_MESSAGE = 110


@dataclass(frozen=True)
class Condition:
    """One line of `status.conditions`."""

    type: str
    status: str
    reason: str
    message: str

    def __str__(self) -> str:
        long = len(self.message) > LONGEST_MESSAGE and self.type != TOLD_WHOLE
        message = f"{self.message[: LONGEST_MESSAGE - 3]}..." if long else self.message
        return f"{self.type:<14} {self.status:<7} {self.reason}: {message}"


def current_conditions(model: Object) -> dict[str, Condition]:
    """The conditions by type, but only those that speak of the spec as it is now."""
    generation = model["metadata"]["generation"]
    return {
        item["type"]: Condition(item["type"], item["status"], item["reason"], item["message"])
        for item in model.get("status", {}).get("conditions", ())
        if item.get("observedGeneration", 0) >= generation
    }


def news(before: Mapping[str, Condition], after: Mapping[str, Condition]) -> Iterator[Condition]:
    """The shown conditions that changed; a new message alone is news of a true one only.

    Then it tells another release or artifact. Of one that is not true it tells progress, in many small steps.
    """
    for name in SHOWN:
        known, seen = before.get(name), after.get(name)
        if seen and (known is None or _what_counts(known) != _what_counts(seen)):
            yield seen


def _what_counts(condition: Condition) -> tuple[str, str, str]:
    message = condition.message if condition.status == "True" else ""
    return condition.status, condition.reason, message


def is_ready(conditions: Mapping[str, Condition]) -> bool:
    return "Ready" in conditions and conditions["Ready"].status == "True"


def stalled(conditions: Mapping[str, Condition]) -> Condition | None:
    """The condition that says that waiting is of no use, if there is one."""
    found = conditions.get("Stalled")
    return found if found and found.status == "True" else None
