"""Whether a model has reached a state that it does not leave by itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import conditions
from e2i.inspection.document import condition, is_current


def outcome(model: Mapping[str, Any]) -> bool | None:
    """Return True if Ready, False if somebody must act, None if it is in progress or was not seen yet."""
    if not is_current(model):
        return None
    if _holds(model, conditions.READY):
        return True
    return None if _holds(model, conditions.RECONCILING) else False


def _holds(model: Mapping[str, Any], kind: str) -> bool:
    return condition(model, kind).get("status") == "True"
