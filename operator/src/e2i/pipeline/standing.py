"""How far the release of a bento has come, read from the status of its E2IModel. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Object = dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """`serves`, `refused` (waiting is of no use) or `waits`, with the operator's reason and sentence."""

    state: Literal["serves", "refused", "waits"]
    reason: str
    message: str


def standing(model: Object, tag: str) -> Standing:
    """What the status says of the bento `tag`; what it says of an earlier spec counts for nothing.

    spec has another tag                    -> refused: somebody asked for something else meanwhile
    Ready is true of this generation        -> serves
    Stalled is true of this generation      -> refused, with Stalled's words
    anything else                           -> waits, with Ready's words
    """
    asked = model["spec"]["bento"]["tag"]
    if asked != tag:
        return Standing("refused", "Replaced", f"the E2IModel now asks for {asked}")
    generation = model["metadata"]["generation"]
    current = {
        item["type"]: item
        for item in model.get("status", {}).get("conditions", ())
        if item.get("observedGeneration", 0) >= generation
    }
    for kind, state in (("Ready", "serves"), ("Stalled", "refused")):
        found = current.get(kind)
        if found and found["status"] == "True":
            # What was given up, and why, is told by RolledBack; Stalled says that nothing more happens.
            said = current.get("RolledBack", found) if state == "refused" else found
            return Standing(state, said["reason"], said["message"])  # type: ignore[arg-type]
    ready = current.get("Ready")
    if ready is None:
        return Standing("waits", "Unseen", "the operator has not seen it yet")
    return Standing("waits", ready["reason"], ready["message"])


def serving_tag(model: Object) -> str | None:
    """The tag of the bento that has the requests now, None when none has."""
    status = model.get("status", {})
    release = status.get("servingRelease")
    for entry in status.get("history", ()):
        if release and entry.get("release") == release and entry.get("bentoTag"):
            return str(entry["bentoTag"])
    return None
