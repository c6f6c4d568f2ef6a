"""`Model`: an E2IModel parsed into values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from e2i.api import quantities
from e2i.api.fields import FieldInvalid, Fields, kind_of
from e2i.api.plain_text import clean
from e2i.api.written_status import read_status

_SECRET_NAME = re.compile(r"token|secret|passw|credential|api_?key|access_?key|private", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"[0-9]{1,6}[smh]", re.ASCII)
_LONGEST_AMOUNT = 64
"""Characters of an amount of a resource."""
_E = TypeVar("_E", bound=Enum)

RETRY_ANNOTATION = "serving.e2i.dev/retry-at"
PROMOTE_ANNOTATION = "serving.e2i.dev/promote-at"
PAUSED_ANNOTATION = "serving.e2i.dev/paused"
LONGEST_PROMOTION = 256
"""Bytes of the annotation promote-at that are read; status.rollout has room for no more."""
FINALIZER = "serving.e2i.dev/bucket"
"""The finalizer of a model with deletionPolicy Delete: it holds the deletion until the bucket is cleaned up."""


class Strategy(Enum):
    """How requests move to a new release."""

    BLUE_GREEN = "BlueGreen"
    CANARY = "Canary"
    IN_PLACE = "InPlace"


class Rollback(Enum):
    """How the operator reacts to a release that fails."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"
    DISABLED = "Disabled"


@dataclass(frozen=True)
class SetWeight:
    """A step of a canary that gives it a share of the requests, in percent."""

    percent: int


@dataclass(frozen=True)
class Pause:
    """A step of a canary that waits for some seconds; None: until somebody promotes it."""

    seconds: int | None


Step = SetWeight | Pause


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Smallest and largest number of pods, and the metrics of the HorizontalPodAutoscaler that Yatai creates."""

    minimum: int
    maximum: int
    metrics: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The part of the spec, besides the bento, that decides how the pods look.

    `requests` and `limits` are (resource, amount) pairs sorted by resource, with the amounts as written.
    `env` keeps its order, because `$(NAME)` refers to earlier variables.
    """

    type: str
    requests: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values of variables whose names look like secrets. No message may show them."""
        return tuple(value for name, value in self.env if _SECRET_NAME.search(name) and len(value) > 3)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """spec.rollout. Times are in seconds, `history` is a number of releases."""

    strategy: Strategy = Strategy.BLUE_GREEN
    steps: tuple[Step, ...] = ()
    rollback: Rollback = Rollback.AUTOMATIC
    progress_deadline: int = 600
    scale_down_delay: int = 30
    history: int = 5
    checks: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """`verify` and `contract` as written; `core.verification.checks` parses them."""
    watch: Mapping[str, Any] | None = field(default=None, hash=False)
    """`watch` as written; `core.guard.limits` parses it."""

    @property
    def guard_seconds(self) -> int:
        """Seconds after the switch during which the release is judged and its predecessor is kept."""
        return max(self.scale_down_delay, self.watch["seconds"] if self.watch else 0)


@dataclass(frozen=True, kw_only=True)
class Model:
    """One E2IModel: the spec, and the status that was written last."""

    namespace: str
    name: str
    uid: str
    generation: int
    tag: str
    archive: str = ""
    """Digest of an archive that the user uploaded; empty if the bento comes from the store."""
    shape: Shape
    autoscaling: Autoscaling
    rollout: Rollout = Rollout()
    suspended: bool = False
    deleting: bool = False
    delete_bucket: bool = False
    """deletionPolicy: Delete."""
    finalized: bool = False
    """The model has the operator's finalizer."""
    paused: bool = False
    retry_at: str = ""
    """Value of the annotation; another value makes another trial."""
    promote_at: str = ""
    status: Mapping[str, Any]
    invalid: str = ""
    """What is wrong with a spec that cannot be read. Such a model is held as it is, like a suspended one."""

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def reference(self) -> str:
        """Name of the bento to export: name:version in the store, or name:version@sha256:... in the bucket."""
        return f"{self.tag}@{self.archive}" if self.archive else self.tag


def parse_model(body: Mapping[str, Any]) -> Model:
    """Parse an E2IModel from the API server. FieldInvalid if its metadata cannot be read.

    The API server has checked it against the schema of today. An object of another schema, which was stored before or
    comes after, may have a spec that cannot be read: that is a value too.
    """
    fields = Fields(body)
    metadata = fields.needed_inside("metadata")
    annotations = metadata.texts("annotations")
    return Model(
        namespace=metadata.needed_text("namespace"),
        name=metadata.needed_text("name"),
        uid=metadata.needed_text("uid"),
        generation=metadata.number("generation"),
        deleting="deletionTimestamp" in metadata,
        finalized=FINALIZER in metadata.items("finalizers"),
        paused=annotations.get(PAUSED_ANNOTATION) == "true",
        retry_at=annotations.get(RETRY_ANNOTATION, ""),
        promote_at=clean(annotations.get(PROMOTE_ANNOTATION, ""), LONGEST_PROMOTION),
        status=read_status(body.get("status")),
        **_wanted(fields),
    )


def _wanted(fields: Fields) -> dict[str, Any]:
    """Return what the spec asks for. If it cannot be read: what holds the model, and why."""
    try:
        spec = fields.needed_inside("spec")
        bento = spec.needed_inside("bento")
        return {
            "tag": bento.text("tag"),
            "archive": bento.inside("archive").text("digest"),
            "shape": _shape(spec),
            "autoscaling": _autoscaling(spec),
            "rollout": _rollout(spec.inside("rollout")),
            "suspended": spec.truth("suspend"),
            "delete_bucket": spec.text("deletionPolicy") == "Delete",
        }
    except FieldInvalid as invalid:
        return {
            "tag": "",
            "shape": Shape(type=""),
            "autoscaling": Autoscaling(minimum=1, maximum=1),
            "suspended": True,
            "invalid": str(invalid),
        }


def _shape(spec: Fields) -> Shape:
    resources = spec.inside("resources")
    return Shape(
        type=spec.needed_text("type"),
        requests=_amounts(resources.inside("requests")),
        limits=_amounts(resources.inside("limits")),
        env=tuple((item.needed_text("name"), item.text("value")) for item in spec.objects("env")),
    )


def _amounts(amounts: Fields) -> tuple[tuple[str, str], ...]:
    """Sort the amounts by resource: {memory: 1Gi, cpu: 2} -> (("cpu", "2"), ("memory", "1Gi"))"""
    return tuple(sorted((name, _amount(amounts.place(name), amount)) for name, amount in amounts))


def _amount(place: str, written: Any) -> str:
    if type(written) not in (str, int):
        raise FieldInvalid(f"{place} is {kind_of(written)}, not a quantity")
    amount = str(written)[: _LONGEST_AMOUNT + 1]
    try:
        if len(amount) > _LONGEST_AMOUNT:
            raise ValueError("it is too long")
        quantities.value(amount)
    except ValueError:
        raise FieldInvalid(f"{place} is {amount!r}, which is no quantity such as 500m, 2 or 1Gi") from None
    return amount


def _autoscaling(spec: Fields) -> Autoscaling:
    """Return the numbers of pods; `replicas` is both the smallest and the largest."""
    if "autoscaling" not in spec:
        return Autoscaling(minimum=spec.number("replicas", 1), maximum=spec.number("replicas", 1))
    chosen = spec.inside("autoscaling")
    return Autoscaling(
        minimum=chosen.number("minReplicas", 1),
        maximum=chosen.number("maxReplicas", 1),
        metrics=tuple(metric.whole for metric in chosen.objects("metrics")),
    )


def _rollout(rollout: Fields) -> Rollout:
    defaults = Rollout()
    return Rollout(
        strategy=_word(rollout, "strategy", defaults.strategy),
        steps=tuple(_step(step) for step in rollout.objects("steps")),
        rollback=_word(rollout, "rollback", defaults.rollback),
        progress_deadline=rollout.number("progressDeadlineSeconds", defaults.progress_deadline),
        scale_down_delay=rollout.number("scaleDownDelaySeconds", defaults.scale_down_delay),
        history=rollout.number("revisionHistoryLimit", defaults.history),
        checks={name: value for name, value in rollout if name in ("verify", "contract")},
        watch=_watch(rollout),
    )


def _word(fields: Fields, name: str, default: _E) -> _E:
    """Return the member of the default's enum that the field names."""
    kind = type(default)
    word = fields.text(name, default.value)
    if word not in {each.value for each in kind}:
        known = ", ".join(each.value for each in kind)
        raise FieldInvalid(f"{fields.place(name)} is {clean(word, 64)!r}, which is none of {known}")
    return kind(word)


def _watch(rollout: Fields) -> Mapping[str, Any] | None:
    if "watch" not in rollout:
        return None
    watch = rollout.inside("watch")
    watch.number("seconds")
    return watch.whole


def _step(step: Fields) -> Step:
    """Parse one step of a canary: {pause: {duration: 2m}} -> Pause(120)"""
    if "setWeight" in step:
        return SetWeight(step.number("setWeight"))
    pause = step.inside("pause")
    duration = pause.text("duration")
    if duration and _DURATION.fullmatch(duration) is None:
        raise FieldInvalid(
            f"{pause.place('duration')} is {clean(duration, 64)!r}, not a time such as 30s, 5m or 1h"
        )
    return Pause(int(duration[:-1]) * _UNITS[duration[-1]] if duration else None)
