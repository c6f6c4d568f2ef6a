"""What the demo says about an E2IModel: what is new in its conditions, whether it is ready or stuck. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from e2i.kube import Object

SHOWN = ("BentoExported", "ImageBuilt", "ReleaseServing", "Ready")


@dataclass(frozen=True)
class Condition:
    """One line of `status.conditions`."""

    type: str
    status: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.type:<14} {self.status:<7} {self.reason}: {self.message}"


def current_conditions(model: Object) -> dict[str, Condition]:
    """The conditions by type, but only those that speak of the spec as it is now."""
    generation = model["metadata"]["generation"]
    return {
        item["type"]: Condition(item["type"], item["status"], item["reason"], item["message"])
        for item in model.get("status", {}).get("conditions", ())
        if item.get("observedGeneration", 0) >= generation
    }


def news(before: Mapping[str, Condition], after: Mapping[str, Condition]) -> Iterator[Condition]:
    """The shown conditions whose status or reason changed; a new message alone is no news."""
    for name in SHOWN:
        if name not in after:
            continue
        known, seen = before.get(name), after[name]
        if known is None or (known.status, known.reason) != (seen.status, seen.reason):
            yield seen


def is_ready(conditions: Mapping[str, Condition]) -> bool:
    return "Ready" in conditions and conditions["Ready"].status == "True"


def stalled(conditions: Mapping[str, Condition]) -> Condition | None:
    """The condition that says that waiting is of no use, if there is one."""
    found = conditions.get("Stalled")
    return found if found and found.status == "True" else None
