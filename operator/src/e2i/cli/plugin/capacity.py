"""How much room a rollout needs beside what runs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from e2i.api import naming, quantities
from e2i.api.artifact import Artifact
from e2i.api.model import Model, Strategy
from e2i.cli.plugin.room import requests_of
from e2i.controller.core.render import manifests

_ANY = Artifact(tag="any:1", digest="sha256:" + "0" * 64, uri="", size=0)
"""Stands for the bento: the requests of its pods do not depend on it."""
_MODEL_CONTAINER = "main"
"""Yatai's name for the container that runs the bento; it adds others, which it configures by itself."""
SIDECARS = "cpu 110m and memory 210Mi"
"""What the sidecars of yatai-deployment request; `YATAI_VERSION` is the one that was looked at."""
YATAI_VERSION = "1.1.21"
_MAY_LACK_ONE = 4
"""The least number of pods of which a rolling update with maxUnavailable 25% ends one before another is ready."""
_KUBERNETES_NAMES = {"gpu": "nvidia.com/gpu"}


@dataclass(frozen=True, kw_only=True)
class Size:
    """Numbers of pods; they differ under an autoscaler."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"


@dataclass(frozen=True, kw_only=True)
class Extra:
    """Pods at the peak beyond those that run now, with the requests of one pod and of `pods.least` pods."""

    pods: Size
    each: Mapping[str, str] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)


def size_of(model: Model) -> Size:
    """Return the bounds of the model's number of pods."""
    return Size(least=model.autoscaling.minimum, most=model.autoscaling.maximum)


def scaled_pods(live: Mapping[str, Any] | None, workloads: Iterable[Mapping[str, Any]]) -> int | None:
    """Return how many pods the autoscaler wants of the serving release; None if there is no autoscaler or no release.

    The release's Deployment says it. For a user who may not list Deployments it is the number in the status.
    """
    if live is None or not live["spec"].get("autoscaling"):
        return None
    status, metadata = live.get("status") or {}, live["metadata"]
    if not (release := status.get("servingRelease")):
        return None
    own = {naming.MODEL_LABEL: metadata["name"], naming.RELEASE_LABEL: release}
    for body in workloads:
        there = body["metadata"]
        if there.get("namespace") == metadata.get("namespace") and own.items() <= there["labels"].items():
            return int(body["spec"]["replicas"])
    found: int | None = status.get("replicas")
    return found


def size_to_start(model: Model, scaled: int | None) -> Size:
    """Return the number of pods with which a release starts: as many as `scaled`, within the bounds of the spec."""
    bounds = size_of(model)
    return Size(least=min(bounds.most, max(bounds.least, scaled or 0)), most=bounds.most)


def grown(size: Size, before: Size) -> Size:
    """Return the pods that `size` has more than `before`."""
    return Size(least=max(0, size.least - before.least), most=max(0, size.most - before.least))


def is_in_place(before: Model, model: Model, workloads: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether the pods that serve are replaced; the first release after a change of strategy stands beside."""
    if model.rollout.strategy is not Strategy.IN_PLACE:
        return False
    names = {body["metadata"]["name"] for body in workloads}
    # Who may not list Deployments sees none.
    return naming.inplace_name(model.name) in names if names else before.rollout.strategy is Strategy.IN_PLACE


def replacing_in_place(size: Size, started: Size, before: Size) -> Size:
    """Return the growth, and one pod more where Kubernetes may end no pod before another one is ready.

    Yatai's Deployments replace a quarter of the pods at a time: of fewer than four that is none that may be missing.
    """
    ahead = 1 if before.least and started.least < _MAY_LACK_ONE else 0
    growth = grown(size, before)
    least = growth.least + ahead
    return Size(least=least, most=max(growth.most, least))


def extra_capacity(model: Model, pods: Size, workloads: Iterable[Mapping[str, Any]] = ()) -> Extra:
    """Return the requests of `pods` of the model. `workloads`: Deployments that show Yatai's sidecars."""
    if pods.least == 0:
        return Extra(pods=pods)
    each = _with_sidecars(pod_requests(model), workloads)
    total = {name: quantities.times(amount, pods.least) for name, amount in each.items()}
    return Extra(pods=pods, each=each, requests=total)


def pod_requests(model: Model) -> dict[str, str]:
    """Return the requests of the model's container, defaults filled in: {cpu: 500m, memory: 1Gi}"""
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
    return {_KUBERNETES_NAMES.get(name, name): str(amount) for name, amount in {**requests, **custom}.items()}


def defaulted(model: Model) -> list[str]:
    """Return the resources whose requests are e2i's defaults, because the spec does not set them."""
    return [name for name in ("cpu", "memory") if name not in dict(model.shape.requests)]


def sidecar_note(started: Size, workloads: Collection[Mapping[str, Any]]) -> Iterable[str]:
    """Yield that no Deployment shows the requests of Yatai's sidecars, if pods are to start."""
    if started.most and not workloads:
        yield (
            "requests without those of Yatai's sidecars, because no release that shows them runs yet: "
            f"Yatai {YATAI_VERSION} adds {SIDECARS} to each pod"
        )


def _with_sidecars(each: Mapping[str, str], workloads: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Add the requests of all containers but the model's in the newest of the Deployments."""
    newest = max(workloads, key=lambda body: str(body["metadata"]["creationTimestamp"]), default=None)
    if newest is None:
        return dict(each)
    added = requests_of(newest["spec"]["template"]["spec"], leave_out=_MODEL_CONTAINER)
    total = dict(each)
    for name, amount in added.items():
        if amount:
            number = quantities.value(each.get(name, "0")) + amount
            is_bytes = name in ("memory", "ephemeral-storage")
            total[name] = (
                quantities.stored_in_binary(number) if is_bytes else quantities.stored(f"{number:f}")
            )
    return total
