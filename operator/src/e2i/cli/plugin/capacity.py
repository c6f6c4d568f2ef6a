"""How much room a rollout needs beside what runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2i.api import naming, quantities
from e2i.api.artifact import Artifact
from e2i.api.model import Model
from e2i.controller.core.render import manifests

_ANY = Artifact(tag="any:1", digest="sha256:" + "0" * 64, uri="", size=0)
"""Stands for the bento: what its pods ask for does not depend on it."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Numbers of pods; they differ under an autoscaler."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"


@dataclass(frozen=True, kw_only=True)
class Extra:
    """Pods at the peak beyond those that run now, and what they ask for together; amounts for `pods.least`."""

    pods: Size
    requests: Mapping[str, str]


def size_of(model: Model) -> Size:
    return Size(least=model.autoscaling.minimum, most=model.autoscaling.maximum)


def extra_capacity(model: Model, pods: Size) -> Extra:
    """What `pods` of the model ask for."""
    if pods.least == 0:
        return Extra(pods=pods, requests={})
    each = pod_requests(model)
    return Extra(
        pods=pods, requests={name: quantities.times(amount, pods.least) for name, amount in each.items()}
    )


def pod_requests(model: Model) -> dict[str, str]:
    """What one pod of the model asks for, defaults filled in: {cpu: 500m, memory: 1Gi}"""
    recipe = manifests.DeploymentSpec(
        release=naming.release_of(model, _ANY.digest),
        name=model.name,
        artifact=_ANY,
        shape=model.shape,
        size=model.autoscaling,
        template_version=manifests.CURRENT_TEMPLATE_VERSION,
    )
    manifest = manifests.bento_deployment(model, recipe)
    requests: dict[str, Any] = dict(manifest["spec"]["resources"]["requests"])
    custom = requests.pop("custom", {})
    return {name: str(amount) for name, amount in {**requests, **custom}.items()}
