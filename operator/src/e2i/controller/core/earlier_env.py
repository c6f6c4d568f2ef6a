"""The annotation that keeps the environment of the release before an edit in place. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LONGEST = 128 << 10
"""Characters. An object has room for twice as much in all its annotations; a longer environment is not kept."""

Env = tuple[tuple[str, str], ...]
"""(name, value) of each variable."""


def of_spec(spec: Mapping[str, Any]) -> Env:
    """Return the environment of a BentoDeployment's spec."""
    return tuple((str(each.get("name", "")), str(each.get("value", ""))) for each in spec.get("envs") or ())


def encode(env: Env) -> str:
    """Return the text of the annotation; empty if there is no environment or it is too long."""
    text = json.dumps(env) if env else ""
    return text if len(text) <= LONGEST else ""


def decode(text: str) -> Env:
    """Return the environment; empty if somebody damaged the annotation."""
    try:
        return tuple((str(name), str(value)) for name, value in json.loads(text or "[]"))
    except (ValueError, TypeError, RecursionError):
        return ()
