"""Reconstructs the spec of an earlier release from its BentoDeployment. Pure."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from e2i.api import naming, pod_fields
from e2i.api.image_source import given_artifact
from e2i.api.model import RESTART_ANNOTATION
from e2i.api.model_body import parse_model, restart_of
from e2i.cli.plugin.output import as_yaml

Body = Mapping[str, Any]
Spec = dict[str, Any]

_TYPES = ("Classification", "Regression", "Causal")
_SHAPE = ("type", "bento", "resources", "env", *pod_fields.NAMES)
"""The fields of a spec that decide its release."""
_RESOURCES = {"cpu": "cpu", "memory": "memory", "gpu": "nvidia.com/gpu"}
"""Yatai's names of resources, and those of Kubernetes."""


def release_of(model: Body, spec: Spec, digest: str) -> str:
    """Return the release that `model` would have with this spec."""
    parsed = parse_model({**model, "spec": spec})
    given = given_artifact(parsed)
    return naming.release_of(parsed, given.content if given else digest)


def with_restart(model: Body, restart: str) -> dict[str, Any]:
    """Return the model with another value of the annotation restart-at; without the annotation if it is empty."""
    metadata = dict(model["metadata"])
    annotations = {**(metadata.get("annotations") or {}), RESTART_ANNOTATION: restart}
    metadata["annotations"] = {name: value for name, value in annotations.items() if value}
    return {**model, "metadata": metadata}


def with_bento(model: Body, entry: Body) -> Spec:
    """Return the model's spec with the bento of an entry of the history, from where it came.

    An image that was built elsewhere is named by its digest; so is an archive, if the spec names one.
    """
    digest, image = entry.get("digest", ""), entry.get("image", "")
    bento = {**model["spec"]["bento"], "tag": entry["bentoTag"]}
    if digest and image.endswith(f"@{digest}"):
        bento = {**_without(bento, "store", "archive"), "image": image}
    else:
        bento = _without(bento, "image", "pathPrefix", "serviceName")
    if "archive" in bento:
        bento["archive"] = {"digest": digest}
    return {**model["spec"], "bento": bento}


def _without(bento: Spec, *names: str) -> Spec:
    return {name: value for name, value in bento.items() if name not in names}


def earlier_spec(model: Body, deployment: Body, entry: Body) -> Spec | None:
    """Return the spec that made the release of `entry`, from its BentoDeployment, or None if it cannot be found.

    A BentoDeployment has all resources, defaults included. Only the release's identity shows which of them the spec
    set: the right combination is the one that gives this identity.
    """
    spec, digest = with_bento(model, entry), entry.get("digest", "")
    copied = _pod_fields(deployment)
    for kind in _TYPES:
        for resources in _possible_resources(deployment["spec"].get("resources") or {}):
            candidate = {**spec, **copied, "type": kind, "resources": resources}
            if release_of(model, candidate, digest) == entry["release"]:
                return {key: value for key, value in candidate.items() if value or key not in _SHAPE}
    return None


def _pod_fields(deployment: Body) -> Spec:
    """Return the fields of the spec that are about pods; those that were not set are None."""
    written = (deployment["metadata"].get("annotations") or {}).get(naming.POD_ANNOTATION, "")
    fields = pod_fields.decode(written)
    env = [*fields.pop(pod_fields.REFERENCES, ()), *(deployment["spec"].get("envs") or ())]
    return {**dict.fromkeys(pod_fields.NAMES), **fields, "env": env}


def _possible_resources(resources: Body) -> Iterator[Spec]:
    """Yield every combination of resources that a spec may have set; cpu and memory may be defaults."""
    amounts = {
        (side, _RESOURCES.get(name, name)): amount
        for side in ("requests", "limits")
        for name, amount in _flat(resources.get(side) or {})
    }
    open_ = [place for place in amounts if place[1] in ("cpu", "memory")]
    for count in range(len(open_) + 1):
        for left_out in itertools.combinations(open_, count):
            yield _nested({place: amount for place, amount in amounts.items() if place not in left_out})


def _flat(side: Body) -> Iterator[tuple[str, Any]]:
    for name, amount in side.items():
        if name == "custom":
            yield from amount.items()
        else:
            yield name, amount


def _nested(amounts: Mapping[tuple[str, str], Any]) -> Spec:
    nested: Spec = {}
    for (side, name), amount in amounts.items():
        nested.setdefault(side, {})[name] = amount
    return nested


def manifest_diff(model: Body, spec: Spec, restart: str | None = None) -> list[str]:
    """Return a unified diff of the manifest that leads to `spec` and `restart`; None: the restart is not in it."""
    metadata = model["metadata"]
    name = f"E2IModel {metadata['namespace']}/{metadata['name']}"
    present = restart_of(metadata.get("annotations") or {})
    shows_restart = restart is not None and restart != present
    now = _manifest(model["spec"], present if shows_restart else "")
    then = _manifest(spec, (restart or "") if shows_restart else "")
    lines = difflib.unified_diff(now, then, f"{name} now", f"{name} to commit", n=2, lineterm="")
    return list(lines)


def _manifest(spec: Body, restart: str) -> list[str]:
    shown = {key: spec[key] for key in _SHAPE if spec.get(key)}
    metadata = {"metadata": {"annotations": {RESTART_ANNOTATION: restart}}} if restart else {}
    return as_yaml({**metadata, "spec": shown}).splitlines()
