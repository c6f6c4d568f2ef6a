"""Compares a Service or a PodDisruptionBudget with what this version of the operator would write. Pure.

What differs between models and moments (owner, selector, release) is taken from the object itself, because the rules
look after it. All else has to reach objects that an earlier version wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import naming
from e2i.api.fields import Fields
from e2i.controller.core.render import manifests
from e2i.controller.core.render.comparison import contains
from e2i.controller.core.render.disruption_budget import budget_of
from e2i.controller.core.render.manifests import Manifest


def service_is_as_rendered(found: Fields, model: str) -> bool:
    """Return whether the model's Service lacks nothing that is written today, and has nothing left that was before."""
    annotations = found.inside("metadata").texts("annotations")
    made = manifests.service_of(
        _identity(found, model),
        annotations.get(naming.SERVING_ANNOTATION, ""),
        annotations.get(naming.SWITCHED_ANNOTATION, ""),
        found.inside("spec").texts("selector"),
    )
    return _is_as(found, made)


def budget_is_as_rendered(found: Fields, model: str) -> bool:
    """Return that of the budget. The API server adds nothing to its spec, so all else in it is an edit by others."""
    selector = found.inside("spec").inside("selector").texts("matchLabels")
    made = budget_of(_identity(found, model), selector)
    return found.inside("spec").whole == made["spec"] and _is_as(found, made)


def _identity(found: Fields, model: str) -> Manifest:
    metadata = found.inside("metadata")
    return {
        "name": metadata.text("name"),
        "namespace": metadata.text("namespace"),
        "labels": naming.labels(model),
        "owners": [_flat(owner) for owner in metadata.objects("ownerReferences")],
    }


def _flat(owner: Fields) -> Manifest:
    """Return the reference without what no reference has: a server may answer with anything, nested without end too."""
    return {name: value for name, value in owner if not isinstance(value, (dict, list))}


def _is_as(found: Fields, made: Manifest) -> bool:
    # An item of a list has neither its kind nor its apiVersion.
    compared = {field: made[field] for field in ("metadata", "spec")}
    return contains(found.whole, compared) and not _has_more(_applied(found), compared)


def _applied(found: Fields) -> Mapping[str, Any]:
    """Return the fields that the operator's last apply wrote, in the form of metadata.managedFields."""
    for entry in found.inside("metadata").objects("managedFields"):
        if (entry.text("manager"), entry.text("operation")) == (naming.FIELD_MANAGER, "Apply"):
            return entry.inside("fieldsV1").whole
    return {}


def _has_more(applied: Mapping[str, Any], made: Any) -> bool:
    """Return whether a field was applied that `made` does not have: {f:a: {}, f:b: {}} has more than {a: 1}"""
    if isinstance(made, dict):
        fields = ((key[2:], inside) for key, inside in applied.items() if key.startswith("f:"))
        return any(name not in made or (inside and _has_more(inside, made[name])) for name, inside in fields)
    if isinstance(made, list):
        items = (inside for key, inside in applied.items() if key.startswith("k:"))
        return any(all(_has_more(inside, item) for item in made) for inside in items)
    return False
