"""Does what is there still say what we would write? Decides on the fields we write, and on no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api.model import Autoscaling, Model
from e2i.controller.core.observed import BentoDeployment
from e2i.controller.core.render import manifests
from e2i.controller.core.render.manifests import DeploymentSpec


def deployment_differs(model: Model, live: BentoDeployment, spec: DeploymentSpec) -> bool:
    """Whether a BentoDeployment differs from its spec in anything but its size."""
    made = manifests.bento_deployment(model, spec)["spec"]
    del made["autoscaling"]
    return not contains(live.spec, made)


def size_differs(live: BentoDeployment, size: Autoscaling) -> bool:
    """Whether a BentoDeployment has other bounds than these, or metrics that were taken back."""
    there = live.spec.get("autoscaling") or {}
    return not contains(there, manifests.autoscaling(size)) or bool(there.get("metrics") and not size.metrics)


def contains(live: Any, ours: Any) -> bool:
    """Whether `live` holds all that `ours` says; fields that others added do not count.

    {a: 1, b: 2} contains {a: 1}; lists are compared whole, item by item.
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
