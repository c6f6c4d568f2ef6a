"""What the user asks for: an E2IModel's spec, parsed into values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Bounds and metrics of the HorizontalPodAutoscaler that Yatai makes for a release."""

    minimum: int
    maximum: int
    metrics: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the user said, beside the bento, that decides how the pods look.

    `requests` and `limits` are (resource, amount) pairs sorted by resource, amounts as written;
    `env` keeps its order, because `$(NAME)` refers to variables above.
    """

    type: str
    requests: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How a new release takes over; all in seconds but `history`, a number of images."""

    progress_deadline: int = 600
    scale_down_delay: int = 30
    history: int = 5


@dataclass(frozen=True, kw_only=True)
class Model:
    """One E2IModel as the user wants it, with the status that was last written for it."""

    namespace: str
    name: str
    uid: str
    generation: int
    tag: str
    shape: Shape
    autoscaling: Autoscaling
    rollout: Rollout = Rollout()
    suspended: bool = False
    deleting: bool = False
    status: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name


def parse_model(body: Mapping[str, Any]) -> Model:
    """Parse an E2IModel as the API server returns it, its schema checked and its defaults filled in."""
    metadata, spec = body["metadata"], body["spec"]
    return Model(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        tag=spec["bento"]["tag"],
        shape=_shape(spec),
        autoscaling=_autoscaling(spec),
        rollout=_rollout(spec.get("rollout", {})),
        suspended=spec.get("suspend", False),
        deleting="deletionTimestamp" in metadata,
        status=body.get("status", {}),
    )


def _shape(spec: Mapping[str, Any]) -> Shape:
    resources = spec.get("resources", {})
    return Shape(
        type=spec["type"],
        requests=_amounts(resources.get("requests", {})),
        limits=_amounts(resources.get("limits", {})),
        env=tuple((item["name"], item["value"]) for item in spec.get("env", ())),
    )


def _amounts(amounts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """{memory: 1Gi, cpu: 2} -> (("cpu", "2"), ("memory", "1Gi"))"""
    return tuple(sorted((name, str(amount)) for name, amount in amounts.items()))


def _autoscaling(spec: Mapping[str, Any]) -> Autoscaling:
    """A fixed number of replicas is an autoscaler whose bounds are equal."""
    chosen = spec.get("autoscaling")
    if chosen is None:
        return Autoscaling(minimum=spec.get("replicas", 1), maximum=spec.get("replicas", 1))
    return Autoscaling(
        minimum=chosen.get("minReplicas", 1),
        maximum=chosen["maxReplicas"],
        metrics=tuple(chosen.get("metrics", ())),
    )


def _rollout(rollout: Mapping[str, Any]) -> Rollout:
    defaults = Rollout()
    return Rollout(
        progress_deadline=rollout.get("progressDeadlineSeconds", defaults.progress_deadline),
        scale_down_delay=rollout.get("scaleDownDelaySeconds", defaults.scale_down_delay),
        history=rollout.get("revisionHistoryLimit", defaults.history),
    )
