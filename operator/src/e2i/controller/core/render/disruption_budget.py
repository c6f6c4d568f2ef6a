"""Renders the PodDisruptionBudget of a model. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION, Manifest, owner_reference
from e2i.controller.core.render.templates import fill


def disruption_budget(model: Model, selector: Mapping[str, str]) -> Manifest:
    """Return the PodDisruptionBudget of the pods that `selector` selects."""
    identity = {
        "name": model.name,
        "namespace": model.namespace,
        "labels": naming.labels(model.name),
        "owners": [owner_reference(model)],
    }
    return budget_of(identity, selector)


def budget_of(identity: Mapping[str, Any], selector: Mapping[str, str]) -> Manifest:
    """Return the PodDisruptionBudget with this name, owner and labels."""
    values = {**identity, "selector": dict(selector)}
    return fill(CURRENT_TEMPLATE_VERSION, "poddisruptionbudget", values)
