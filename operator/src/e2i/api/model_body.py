"""Parses an E2IModel into the values of `model`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from e2i.api import pod_annotations, pod_fields, quantities
from e2i.api.artifact import is_path_prefix
from e2i.api.drift_bounds import parse_drift_bounds
from e2i.api.fields import FieldInvalid, Fields, kind_of
from e2i.api.image_source import parse_image
from e2i.api.model import (
    FINALIZER,
    LONGEST_PROMOTION,
    LONGEST_RESTART,
    PAUSED_ANNOTATION,
    PROMOTE_ANNOTATION,
    RESTART_ANNOTATION,
    RETRY_ANNOTATION,
    Autoscaling,
    Model,
    Pause,
    Rollout,
    SetWeight,
    Shape,
    Step,
)
from e2i.api.plain_text import clean
from e2i.api.restored import RESTORED_ANNOTATION, decode, with_restored
from e2i.api.sharing import shared
from e2i.api.written_status import read_status

_UNITS = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"[0-9]{1,6}[smh]", re.ASCII)
_TYPES = ("Classification", "Regression", "Causal")
_MOST_PODS = 10_000
_LONGEST = 10_000_000
"""Seconds of any time."""
_LONGEST_HISTORY = 50
_LONGEST_AMOUNT = 64
"""Characters of an amount of a resource."""
_E = TypeVar("_E", bound=Enum)


def parse_model(body: Mapping[str, Any]) -> Model:
    """Parse an E2IModel from the API server. FieldInvalid if its metadata cannot be read.

    The API server has checked it against the schema of today. An object of another schema, which was stored before or
    comes after, may have a spec that cannot be read: that is a value too.
    """
    fields = Fields(body)
    metadata = fields.needed_inside("metadata")
    annotations = metadata.texts("annotations")
    wanted = _wanted(fields, restart_of(annotations))
    try:
        restored = decode(annotations.get(RESTORED_ANNOTATION, ""), metadata.moment("creationTimestamp"))
    except FieldInvalid as invalid:
        restored, wanted = None, _held(invalid, restart_of(annotations))
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
        restored=restored,
        status=shared(with_restored(read_status(body.get("status")), restored)),
        **wanted,
    )


def restart_of(annotations: Mapping[str, str]) -> str:
    """Return the restart that the annotations ask for; empty if they ask for none."""
    return clean(annotations.get(RESTART_ANNOTATION, ""), LONGEST_RESTART)


def _wanted(fields: Fields, restart: str) -> dict[str, Any]:
    """Return what the spec asks for. If it cannot be read: what holds the model, and why."""
    try:
        spec = fields.needed_inside("spec")
        bento = spec.needed_inside("bento")
        return {
            "tag": bento.text("tag"),
            "archive": bento.inside("archive").text("digest"),
            "image": _image(bento),
            "path_prefix": _path_prefix(bento),
            "service": bento.text("serviceName"),
            "shape": _shape(spec, restart),
            "autoscaling": _autoscaling(spec),
            "rollout": _rollout(spec.inside("rollout")),
            "drift": parse_drift_bounds(spec.inside("drift")),
            "suspended": spec.truth("suspend"),
            "delete_bucket": spec.text("deletionPolicy") == "Delete",
        }
    except FieldInvalid as invalid:
        return _held(invalid, restart)


def _held(invalid: FieldInvalid, restart: str) -> dict[str, Any]:
    return {
        "tag": "",
        "shape": Shape(type="", restart=restart),
        "autoscaling": Autoscaling(minimum=1, maximum=1),
        "suspended": True,
        "invalid": str(invalid),
    }


def _image(bento: Fields) -> str:
    image = bento.text("image")
    try:
        if image:
            parse_image(image)
    except ValueError as error:
        raise FieldInvalid(f"{bento.place_of('image')}: {error}") from None
    return image


def _path_prefix(bento: Fields) -> str:
    prefix = bento.text("pathPrefix")
    if prefix and not is_path_prefix(prefix):
        raise FieldInvalid(f"{bento.place_of('pathPrefix')} is {clean(prefix, 64)!r}, not a path such as /v1")
    return prefix


def _shape(spec: Fields, restart: str) -> Shape:
    resources, pod = spec.inside("resources"), pod_fields.encode(spec)
    pod_annotations.policy_annotations(pod)  # Refuses what cannot be written for the pods.
    return Shape(
        type=_type(spec),
        requests=_amounts(resources.inside("requests")),
        limits=_amounts(resources.inside("limits")),
        env=tuple(
            (item.needed_text("name"), item.text("value"))
            for item in spec.objects("env")
            if "valueFrom" not in item
        ),
        pod=pod,
        restart=restart,
    )


def _type(spec: Fields) -> str:
    """Return the type; a newer version of the CRD may have more of them."""
    word = spec.needed_text("type")
    if word not in _TYPES:
        raise FieldInvalid(
            f"{spec.place_of('type')} is {clean(word, 64)!r}, which is none of {', '.join(_TYPES)}"
        )
    return word


def _amounts(amounts: Fields) -> tuple[tuple[str, str], ...]:
    """Sort the amounts by resource: {memory: 1Gi, cpu: 2} -> (("cpu", "2"), ("memory", "1Gi"))"""
    return tuple(sorted((name, _amount(amounts.place_of(name), amount)) for name, amount in amounts))


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
    """Return the numbers of pods; `replicas` is both the smallest and the largest. 0 parks an autoscaled model too."""
    replicas = spec.number("replicas", 1, least=0, most=_MOST_PODS)
    if "autoscaling" not in spec or replicas == 0:
        return Autoscaling(minimum=replicas, maximum=replicas)
    chosen = spec.inside("autoscaling")
    return Autoscaling(
        minimum=chosen.number("minReplicas", 1, least=0, most=_MOST_PODS),
        maximum=chosen.number("maxReplicas", 1, least=0, most=_MOST_PODS),
        metrics=tuple(metric.whole for metric in chosen.objects("metrics")),
    )


def _rollout(rollout: Fields) -> Rollout:
    defaults = Rollout()
    return Rollout(
        strategy=_word(rollout, "strategy", defaults.strategy),
        steps=tuple(_step(step) for step in rollout.objects("steps")),
        rollback=_word(rollout, "rollback", defaults.rollback),
        progress_deadline=rollout.number(
            "progressDeadlineSeconds", defaults.progress_deadline, least=0, most=_LONGEST
        ),
        scale_down_delay=rollout.number(
            "scaleDownDelaySeconds", defaults.scale_down_delay, least=0, most=_LONGEST
        ),
        history=rollout.number("revisionHistoryLimit", defaults.history, least=0, most=_LONGEST_HISTORY),
        checks=_checks(rollout),
        watch=_watch(rollout),
    )


def _checks(rollout: Fields) -> Mapping[str, Any]:
    """Return verify and contract as written; each is parsed where it is needed."""
    checks = {name: value for name, value in rollout if name in ("verify", "contract")}
    try:
        json.dumps(checks)  # As everything does that is asked about them later.
    except RecursionError:
        raise FieldInvalid(f"{rollout.place_of('verify')} is nested too deep") from None
    return checks


def _word(fields: Fields, name: str, default: _E) -> _E:
    """Return the member of the default's enum that the field names."""
    kind = type(default)
    word = fields.text(name, default.value)
    if word not in {each.value for each in kind}:
        known = ", ".join(each.value for each in kind)
        raise FieldInvalid(f"{fields.place_of(name)} is {clean(word, 64)!r}, which is none of {known}")
    return kind(word)


def _watch(rollout: Fields) -> Mapping[str, Any] | None:
    if "watch" not in rollout:
        return None
    watch = rollout.inside("watch")
    watch.number("seconds", least=0, most=_LONGEST)
    return watch.whole


def _step(step: Fields) -> Step:
    """Parse one step of a canary: {pause: {duration: 2m}} -> Pause(120)"""
    if "setWeight" in step:
        return SetWeight(step.number("setWeight", least=0, most=100))
    pause = step.inside("pause")
    duration = pause.text("duration")
    if duration and _DURATION.fullmatch(duration) is None:
        raise FieldInvalid(
            f"{pause.place_of('duration')} is {clean(duration, 64)!r}, not a time such as 30s, 5m or 1h"
        )
    return Pause(int(duration[:-1]) * _UNITS[duration[-1]] if duration else None)
