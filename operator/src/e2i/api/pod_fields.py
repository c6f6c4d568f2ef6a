"""Fields of the spec that go into the pods as they are written, in Kubernetes' words. Pure.

Canonical JSON keeps them in a `Shape`, so that two specs of the same meaning are one release.
"""

from __future__ import annotations

import json
from typing import Any

from e2i.api.fields import FieldInvalid, Fields

_OBJECTS = ("nodeSelector", "affinity")
_LISTS = ("tolerations", "topologySpreadConstraints")
_TEXTS = ("serviceAccountName",)
NAMES = (*_OBJECTS, *_LISTS, *_TEXTS)


def encode(spec: Fields) -> str:
    """Return the fields as JSON with sorted keys: {"nodeSelector":{"pool":"gpu"}}; empty if there are none.

    An empty object or list means the same as a missing one. FieldInvalid if a field is of another type.
    """
    written: dict[str, Any] = {name: spec.inside(name).whole for name in _OBJECTS}
    written |= {name: [item.whole for item in spec.objects(name)] for name in _LISTS}
    written |= {name: spec.text(name) for name in _TEXTS}
    given = {name: value for name, value in written.items() if value}
    try:
        return json.dumps(given, sort_keys=True, separators=(",", ":")) if given else ""
    except RecursionError:
        raise FieldInvalid(f"{spec.place_of('affinity')} is nested too deep") from None


def decode(text: str) -> dict[str, Any]:
    """Return the fields by name. The text is one that `encode` returned."""
    fields: dict[str, Any] = json.loads(text) if text else {}
    return fields
