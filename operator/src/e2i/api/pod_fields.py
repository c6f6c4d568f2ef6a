"""Fields of the spec that go into the pods as they are written, in Kubernetes' words. Pure.

Canonical JSON keeps them in a `Shape`, so that two specs of the same meaning are one release.
"""

from __future__ import annotations

import json
from typing import Any

from e2i.api.fields import FieldInvalid, Fields

COPIED = ("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "serviceAccountName")
"""Fields that a BentoDeployment has too."""
_OBJECTS = ("nodeSelector", "affinity", "probes")
_LISTS = (
    "tolerations",
    "topologySpreadConstraints",
    "envFrom",
    "volumes",
    "volumeMounts",
    "imagePullSecrets",
)
_TEXTS = ("serviceAccountName", "priorityClassName", "runtimeClassName")
GRACE, LINKS = "terminationGracePeriodSeconds", "enableServiceLinks"
REFERENCES = "env"
"""Here only the variables with valueFrom; those with a value are in `Shape.env`."""
NAMES = (*_OBJECTS, *_LISTS, *_TEXTS, GRACE, LINKS)


def encode(spec: Fields) -> str:
    """Return the fields as JSON with sorted keys: {"nodeSelector":{"pool":"gpu"}}; empty if there are none.

    An empty object, list or text means the same as a missing one. FieldInvalid if a field is of another type.
    """
    written: dict[str, Any] = {name: spec.inside(name).whole for name in _OBJECTS}
    written |= {name: [item.whole for item in spec.objects(name)] for name in _LISTS}
    written |= {name: spec.text(name) for name in _TEXTS}
    written[REFERENCES] = [item.whole for item in spec.objects("env") if "valueFrom" in item]
    given = {name: value for name, value in written.items() if value}
    # Zero and false are not the default of Kubernetes.
    if GRACE in spec:
        given[GRACE] = spec.number(GRACE, least=0)
    if LINKS in spec:
        given[LINKS] = spec.truth(LINKS)
    try:
        return json.dumps(given, sort_keys=True, separators=(",", ":")) if given else ""
    except RecursionError:
        raise FieldInvalid(f"{spec.place_of('affinity')} is nested too deep") from None


def decode(text: str) -> dict[str, Any]:
    """Return the fields by name. The text is one that `encode` returned."""
    fields: dict[str, Any] = json.loads(text) if text else {}
    return fields
