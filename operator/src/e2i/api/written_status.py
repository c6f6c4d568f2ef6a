"""Reads a status as the operator wrote it, and leaves out what somebody else changed into another form. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, type] = {
    **dict.fromkeys(
        ("desiredRelease", "servingRelease", "url", "selector", "observedRestartAt", "operator"), str
    ),
    **dict.fromkeys(("observedGeneration", "replicas", "readyReplicas"), int),
    **dict.fromkeys(("artifact", "rollout", "drift"), dict),
    **dict.fromkeys(("conditions", "failedReleases", "history"), list),
}
_TYPES_INSIDE: Mapping[str, type] = {
    **dict.fromkeys(("type", "status", "reason", "message", "lastTransitionTime"), str),
    **dict.fromkeys(("release", "bentoTag", "trial", "failedAt"), str),
    **dict.fromkeys(("result", "image", "startedAt", "servedAt", "endedAt", "restartAt"), str),
    **dict.fromkeys(("tag", "digest", "uri", "stepStartedAt", "promotion", "since"), str),
    **dict.fromkeys(("size", "step"), int),
    "evidence": dict,
    "features": list,
}
_NEEDED = {
    "conditions": ("type", "status", "reason", "message", "lastTransitionTime"),
    "failedReleases": ("release", "trial", "reason", "message"),
    "history": ("release", "result"),
}
"""Fields that the items of a list must have."""


def read_status(written: object) -> Mapping[str, Any]:
    """Return the readable part of a status. The next one that the operator writes replaces the rest."""
    return dict(_readable(written)) if isinstance(written, Mapping) else {}


def _readable(written: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in _typed(written, _TYPES):
        if isinstance(value, list):
            yield name, [item for item in value if _is_whole(item, _NEEDED.get(name, ()))]
        elif not isinstance(value, dict) or _is_whole(value, ()):
            yield name, value


def _is_whole(item: object, needed: tuple[str, ...]) -> bool:
    """Return whether the object has all fields that it needs, each of the right type."""
    if not isinstance(item, dict) or not all(name in item for name in needed):
        return False
    return len(list(_typed(item, _TYPES_INSIDE))) == len(item)


def _typed(fields: Mapping[str, Any], types: Mapping[str, type]) -> Iterator[tuple[str, Any]]:
    """Return the fields that have their type. A name that is not known here is another version's."""
    return ((name, value) for name, value in fields.items() if type(value) is types.get(name, type(value)))
