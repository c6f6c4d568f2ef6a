"""The demo's view of an E2IModel: changes of its conditions, whether it is ready or stalled. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from e2i.kube import Object

SHOWN = ("BentoExported", "ImageBuilt", "Verified", "ReleaseServing", "RolledBack", "Ready")
SHOWN_WHOLE = "RolledBack"
"""The condition whose whole message is shown: it says why a release was refused."""
WAITS = "Pending"
"""The reason of a condition that waits for an earlier step."""


@dataclass(frozen=True)
class Condition:
    """One entry of `status.conditions`."""

    type: str
    status: str
    reason: str
    message: str

    def __str__(self) -> str:
        """Return one short line, without the reason if the condition is True: then the type says the same."""
        if self.type == SHOWN_WHOLE:
            return f"{self.type:<14} {self.status:<7} {self.reason}: {self.message}"
        reason = "" if self.status == "True" else f"{self.reason}: "
        return f"{self.type:<14} {self.status:<7} {reason}{first_sentence(short_digests(self.message))}"


def short_digests(text: str) -> str:
    """Return the text with 8 characters of each SHA-256."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{56}\b", r"\1…", text)


def first_sentence(text: str) -> str:
    """Return the text up to the end of its first sentence; `churn_model:1.0.0` does not end one."""
    return re.split(r"(?<=[.!?]) |; ", text, maxsplit=1)[0].removesuffix(".")


def current_conditions(model: Object) -> dict[str, Condition]:
    """Return by type the conditions that were written for the spec as it is now."""
    generation = model["metadata"]["generation"]
    return {
        item["type"]: Condition(item["type"], item["status"], item["reason"], item["message"])
        for item in model.get("status", {}).get("conditions", ())
        if item.get("observedGeneration", 0) >= generation
    }


def news(before: Mapping[str, Condition], after: Mapping[str, Condition]) -> Iterator[Condition]:
    """Yield the shown conditions that changed since `before`.

    A new message alone counts only if the condition is True: then it names another release or artifact. If it is not
    True, its message reports progress in many small steps. A condition that only waits for others is not shown, nor
    one with a reason that an earlier condition has just shown.
    """
    reasons = {WAITS}
    for name in SHOWN:
        known, seen = before.get(name), after.get(name)
        if not seen or (known and _what_counts(known) == _what_counts(seen)):
            continue
        if seen.status == "True" or seen.reason not in reasons:
            yield seen
        reasons.add(seen.reason)


def _what_counts(condition: Condition) -> tuple[str, str, str]:
    message = condition.message if condition.status == "True" else ""
    return condition.status, condition.reason, message


def is_ready(conditions: Mapping[str, Condition]) -> bool:
    return "Ready" in conditions and conditions["Ready"].status == "True"


def stalled(conditions: Mapping[str, Condition]) -> Condition | None:
    """Return the condition Stalled if it is True, or None."""
    found = conditions.get("Stalled")
    return found if found and found.status == "True" else None
