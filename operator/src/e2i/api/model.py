"""What the user asks for: an E2IModel's spec, parsed into values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_SECRET_NAME = re.compile(r"token|secret|passw|credential|api_?key|access_?key|private", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3600}

RETRY_ANNOTATION = "serving.e2i.dev/retry-at"
PROMOTE_ANNOTATION = "serving.e2i.dev/promote-at"
PAUSED_ANNOTATION = "serving.e2i.dev/paused"
LONGEST_PROMOTION = 256
"""Characters of that annotation that count: status.rollout has room for no more."""
FINALIZER = "serving.e2i.dev/bucket"
"""Holds a deleted model with deletionPolicy Delete until its part of the bucket is removed."""


class Strategy(Enum):
    """How a new release takes the requests."""

    BLUE_GREEN = "BlueGreen"
    CANARY = "Canary"
    IN_PLACE = "InPlace"


class Rollback(Enum):
    """What becomes of a release that failed."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"
    DISABLED = "Disabled"


@dataclass(frozen=True)
class SetWeight:
    """Percent of the requests."""

    percent: int


@dataclass(frozen=True)
class Pause:
    """Seconds; None: until somebody promotes."""

    seconds: int | None


Step = SetWeight | Pause


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

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no message may show: of variables that are named like secrets, although none belong here."""
        return tuple(value for name, value in self.env if _SECRET_NAME.search(name) and len(value) > 3)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How a new release takes over; times in seconds, `history` a number of releases."""

    strategy: Strategy = Strategy.BLUE_GREEN
    steps: tuple[Step, ...] = ()
    rollback: Rollback = Rollback.AUTOMATIC
    progress_deadline: int = 600
    scale_down_delay: int = 30
    history: int = 5
    checks: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """`verify` and `contract` as the user wrote them; `core.verification.checks` reads them."""
    watch: Mapping[str, Any] | None = field(default=None, hash=False)
    """As the user wrote it; `core.guard.limits` reads it."""

    @property
    def guard_seconds(self) -> int:
        """Seconds after the switch in which the release is judged, and its predecessor kept."""
        return max(self.scale_down_delay, self.watch["seconds"] if self.watch else 0)


@dataclass(frozen=True, kw_only=True)
class Model:
    """One E2IModel as the user wants it, with the status that was last written for it."""

    namespace: str
    name: str
    uid: str
    generation: int
    tag: str
    archive: str = ""
    """Digest of the archive that somebody brought to the bucket; empty: the bento is in the store."""
    shape: Shape
    autoscaling: Autoscaling
    rollout: Rollout = Rollout()
    suspended: bool = False
    deleting: bool = False
    delete_bucket: bool = False
    """deletionPolicy: Delete."""
    finalized: bool = False
    """Our finalizer is on it."""
    paused: bool = False
    retry_at: str = ""
    """Value of the annotation; only whether it changed matters."""
    promote_at: str = ""
    status: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def reference(self) -> str:
        """What to export: name:version of the store, or name:version@sha256:... of the bucket."""
        return f"{self.tag}@{self.archive}" if self.archive else self.tag


def parse_model(body: Mapping[str, Any]) -> Model:
    """Parse an E2IModel as the API server returns it, its schema checked and its defaults filled in."""
    metadata, spec = body["metadata"], body["spec"]
    annotations = metadata.get("annotations") or {}
    return Model(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        tag=spec["bento"]["tag"],
        archive=(spec["bento"].get("archive") or {}).get("digest", ""),
        shape=_shape(spec),
        autoscaling=_autoscaling(spec),
        rollout=_rollout(spec.get("rollout", {})),
        suspended=spec.get("suspend", False),
        deleting="deletionTimestamp" in metadata,
        delete_bucket=spec.get("deletionPolicy") == "Delete",
        finalized=FINALIZER in (metadata.get("finalizers") or ()),
        paused=annotations.get(PAUSED_ANNOTATION) == "true",
        retry_at=annotations.get(RETRY_ANNOTATION, ""),
        promote_at=annotations.get(PROMOTE_ANNOTATION, "")[:LONGEST_PROMOTION],
        status=body.get("status") or {},
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
        strategy=Strategy(rollout.get("strategy", defaults.strategy.value)),
        steps=tuple(_step(step) for step in rollout.get("steps", ())),
        rollback=Rollback(rollout.get("rollback", defaults.rollback.value)),
        progress_deadline=rollout.get("progressDeadlineSeconds", defaults.progress_deadline),
        scale_down_delay=rollout.get("scaleDownDelaySeconds", defaults.scale_down_delay),
        history=rollout.get("revisionHistoryLimit", defaults.history),
        checks={name: rollout[name] for name in ("verify", "contract") if name in rollout},
        watch=rollout.get("watch"),
    )


def _step(step: Mapping[str, Any]) -> Step:
    """{pause: {duration: 2m}} -> Pause(120)"""
    if "setWeight" in step:
        return SetWeight(step["setWeight"])
    duration = step["pause"].get("duration")
    return Pause(int(duration[:-1]) * _UNITS[duration[-1]] if duration else None)
