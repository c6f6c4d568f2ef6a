"""Whether a model has come to an end that it does not leave by itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import conditions
from e2i.inspection.document import condition, is_current


def outcome(model: Mapping[str, Any]) -> bool | None:
    """True: Ready. False: somebody has to do something. None: it goes on by itself, or was not looked at yet."""
    if not is_current(model):
        return None
    if _holds(model, conditions.READY):
        return True
    return None if _holds(model, conditions.RECONCILING) else False


def _holds(model: Mapping[str, Any], kind: str) -> bool:
    return condition(model, kind).get("status") == "True"
