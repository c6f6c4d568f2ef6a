"""Compares objects of the cluster with the operator's manifests, in the fields that the operator writes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api.model import Autoscaling, Model
from e2i.controller.core.children import BentoDeployment
from e2i.controller.core.render import manifests
from e2i.controller.core.render.manifests import DeploymentSpec


def deployment_differs(model: Model, live: BentoDeployment, spec: DeploymentSpec) -> bool:
    """Return whether a BentoDeployment differs from `spec` or lacks labels; its number of pods may be another."""
    if not live.labelled:
        return True
    made = manifests.bento_deployment(model, spec)["spec"]
    del made["autoscaling"]
    return not contains(live.spec, made)


def size_differs(live: BentoDeployment, size: Autoscaling) -> bool:
    """Return whether a BentoDeployment has other numbers of pods than `size`, or metrics that `size` does not have."""
    there = live.spec.get("autoscaling") or {}
    return not contains(there, manifests.autoscaling(size)) or bool(there.get("metrics") and not size.metrics)


def contains(live: Any, ours: Any) -> bool:
    """Return whether `live` has all fields of `ours` with the same values; other fields are ignored.

    {a: 1, b: 2} contains {a: 1}; lists must have the same length.
    """
    if isinstance(ours, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and contains(live[key], value) for key, value in ours.items()
        )
    if isinstance(ours, list):
        return (
            isinstance(live, list)
            and len(live) == len(ours)
            and all(contains(one, other) for one, other in zip(live, ours, strict=True))
        )
    return bool(live == ours)
