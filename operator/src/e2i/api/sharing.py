"""Lets equal short texts of many objects be one text in memory: a JSON parser makes new ones for each object. Pure."""

from __future__ import annotations

import sys
from typing import Any

LONGEST = 64
"""Characters of a text that may be equal in many objects; longer ones are messages and addresses."""


DEPTH = 12
"""Levels of lists and objects that are looked into."""


def shared(value: Any, depth: int = DEPTH) -> Any:
    """Return a copy of the JSON value in which field names and short texts are shared with other objects."""
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= LONGEST else value
    if depth and isinstance(value, dict):
        return {sys.intern(key): shared(item, depth - 1) for key, item in value.items()}
    return [shared(item, depth - 1) for item in value] if depth and isinstance(value, list) else value
