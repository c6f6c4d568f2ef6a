"""Compare a live object with the wanted one as yatai-deployment does.

It compares three objects: the last written one (kept in an annotation), the wanted one and the live one. Only fields
that the controller writes count. So a field added by hand stays until the next real update, which replaces the whole
object.
"""

from __future__ import annotations

import json
from typing import Any

from e2i.kube import Object

LAST_APPLIED = "banzaicloud.com/last-applied"

# Lists whose elements are identified by one of their fields, as in Kubernetes' own strategic merge.
MERGE_KEYS = {
    "containers": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "ownerReferences": "uid",
    "topologySpreadConstraints": "topologyKey",
    "volumeMounts": "mountPath",
    "volumes": "name",
}


def with_last_applied(wanted: Object) -> Object:
    """Return a copy of `wanted` that has `wanted` in its annotation."""
    text = json.dumps(wanted, separators=(",", ":"), sort_keys=True)
    annotations = {**wanted["metadata"].get("annotations", {}), LAST_APPLIED: text}
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}}


def last_applied(live: Object) -> Object:
    """Return the last object that the controller wrote; empty if the annotation is missing or damaged."""
    text = live["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}")
    try:
        applied = json.loads(text)
    except ValueError:
        return {}
    return applied if isinstance(applied, dict) else {}


def has_drifted(wanted: Object, live: Object) -> bool:
    return _differs(last_applied(live), wanted, live)


def _differs(applied: Any, wanted: Any, live: Any, field: str = "") -> bool:
    if isinstance(wanted, dict) and isinstance(live, dict):
        return _mapping_differs(applied if isinstance(applied, dict) else {}, wanted, live)
    if isinstance(wanted, list) and isinstance(live, list):
        return _list_differs(applied if isinstance(applied, list) else [], wanted, live, field)
    return bool(wanted != live)


def _mapping_differs(applied: Object, wanted: Object, live: Object) -> bool:
    if any(key in live for key in applied.keys() - wanted.keys()):
        return True
    return any(
        key not in live or _differs(applied.get(key), value, live[key], key) for key, value in wanted.items()
    )


def _list_differs(applied: list[Any], wanted: list[Any], live: list[Any], field: str) -> bool:
    key = MERGE_KEYS.get(field)
    if key is None:
        # Replaced as a whole; its elements may still have defaults that the API server added.
        if len(wanted) != len(live):
            return True
        return any(_differs(None, new, old) for new, old in zip(wanted, live, strict=True))
    return _mapping_differs(
        {item[key]: item for item in applied},
        {item[key]: item for item in wanted},
        {item[key]: item for item in live},
    )
