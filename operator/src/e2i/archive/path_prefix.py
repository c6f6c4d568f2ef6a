"""Finds the path under which a service answers: with `path_prefix="/v1"` its health is at /v1/readyz. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api.artifact import is_path_prefix

_HEALTH = "/readyz"

Description = Mapping[str, Any]


def path_prefix(description: Description) -> str:
    """Return the path_prefix of the entry service, by its bento.yaml: /v1. Empty if it has none.

    BentoML records only that the health endpoint is elsewhere, and records the same for `endpoints` of a service's
    configuration, which moves nothing. Only with a prefix do all routes begin with it.
    """
    readiness = _text(_entry_service(description), "config", "endpoints", "readyz")
    prefix = readiness.removesuffix(_HEALTH)
    routes = [_text(each, "route") for each in _items(description, "schema", "routes")]
    is_shared = bool(routes) and all(route.startswith(f"{prefix}/") for route in routes)
    return prefix if readiness.endswith(_HEALTH) and is_shared and is_path_prefix(prefix) else ""


def _entry_service(description: Description) -> Any:
    name = description.get("entry_service")
    return next((each for each in _items(description, "services") if _text(each, "name") == name), {})


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any, *path: str) -> str:
    found = _at(value, *path)
    return found if isinstance(found, str) else ""


def _items(value: Any, *path: str) -> list[Any]:
    found = _at(value, *path)
    return found if isinstance(found, list) else []
