"""The merge that `kubectl apply` computes on the client's side. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OPERATOR = "e2i-operator"


def applier(live: Body) -> str | None:
    """Return the field manager that applies the object server-side, or None if it is applied client-side.

    The annotation of a client-side apply decides, whoever else applied parts of the object.
    """
    if LAST_APPLIED in (live["metadata"].get("annotations") or {}):
        return None
    entries = [
        entry
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("operation") == "Apply"
        and not entry.get("subresource")
        and entry.get("manager") != OPERATOR
    ]
    last = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return str(last["manager"]) if last else None


def merge_patch(live: Body, wanted: Body) -> dict[str, Any]:
    """Return the patch: all fields of `wanted`, and None for fields that were applied before and are not in it."""
    # kubectl writes its note into the annotations before it compares, so that they are in every manifest.
    metadata = {**wanted["metadata"], "annotations": wanted["metadata"].get("annotations") or {}}
    wanted = {**wanted, "metadata": metadata}
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED, "{}")
    try:
        before = json.loads(text)
    except ValueError:
        before = {}
    return _with_removals(before if isinstance(before, dict) else {}, wanted)


def _with_removals(before: Body, wanted: Body) -> dict[str, Any]:
    patch: dict[str, Any] = {key: None for key in before if key not in wanted}
    for key, value in wanted.items():
        old = before.get(key)
        patch[key] = (
            _with_removals(old if isinstance(old, dict) else {}, value) if isinstance(value, dict) else value
        )
    return patch
