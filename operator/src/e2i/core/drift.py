"""Does what is there still say what we would write? Decides on the fields we write, and on no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.core import naming, render
from e2i.core.model import Model
from e2i.core.observed import Service
from e2i.core.release import Desired


def of_deployment(model: Model, wanted: Desired, current_form: str) -> bool:
    """Whether the release's BentoDeployment is missing, or differs from what its form makes of the spec."""
    if wanted.deployment is None:
        return True
    made = render.bento_deployment(
        model, wanted.artifact, wanted.release, wanted.deployment.form or current_form
    )
    return not contains(wanted.deployment.spec, made["spec"])


def of_service(model: Model, wanted: Desired, service: Service | None) -> bool:
    return service is None or dict(service.selector) != naming.pod_labels(model.name, wanted.release)


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
