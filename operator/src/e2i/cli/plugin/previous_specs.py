"""What a spec looked like when an earlier release was made, found again from what the cluster keeps. Pure."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from e2i.api import naming
from e2i.api.model import parse_model
from e2i.cli.plugin.output import as_yaml

Body = Mapping[str, Any]
Spec = dict[str, Any]

_TYPES = ("Classification", "Regression", "Causal")
_SHAPE = ("type", "bento", "resources", "env")
"""The fields of a spec that decide which release it asks for."""
_RESOURCES = {"cpu": "cpu", "memory": "memory", "gpu": "nvidia.com/gpu"}
"""Yatai's words for resources, and Kubernetes'."""


def release_of(model: Body, spec: Spec, digest: str) -> str:
    """The release that `model` would ask for with this spec."""
    return naming.release_of(parse_model({**model, "spec": spec}), digest)


def with_bento(model: Body, tag: str, digest: str) -> Spec:
    """The model's spec as it is, but for the bento; one that names an archive names that of the digest."""
    bento = {**model["spec"]["bento"], "tag": tag}
    if "archive" in bento:
        bento["archive"] = {"digest": digest}
    return {**model["spec"], "bento": bento}


def earlier_spec(model: Body, deployment: Body, release: str, tag: str, digest: str) -> Spec | None:
    """The spec that made `release`, from its BentoDeployment; None when it cannot be found again.

    A BentoDeployment shows the resources with defaults filled in. Which of them had been said, only the release's
    identity tells: the one combination that gives it is the right one.
    """
    spec = with_bento(model, tag, digest)
    env = deployment["spec"].get("envs") or []
    for kind in _TYPES:
        for resources in _said(deployment["spec"].get("resources") or {}):
            candidate = {**spec, "type": kind, "resources": resources, "env": env}
            if release_of(model, candidate, digest) == release:
                return {
                    key: value for key, value in candidate.items() if value or key not in ("resources", "env")
                }
    return None


def _said(resources: Body) -> Iterator[Spec]:
    """Every way to have said some of these resources and left the others, of cpu and memory, to the defaults."""
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


def manifest_diff(model: Body, spec: Spec) -> list[str]:
    """The lines of the manifest to change so that it asks for `spec`'s release, as a unified diff."""
    metadata = model["metadata"]
    name = f"E2IModel {metadata['namespace']}/{metadata['name']}"
    now, then = (_manifest(side) for side in (model["spec"], spec))
    lines = difflib.unified_diff(now, then, f"{name} now", f"{name} to commit", n=2, lineterm="")
    return list(lines)


def _manifest(spec: Body) -> list[str]:
    shown = {key: spec[key] for key in _SHAPE if spec.get(key)}
    return as_yaml({"spec": shown}).splitlines()
