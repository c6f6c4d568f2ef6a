"""The fields of an E2IModel, as `kubectl explain e2im --recursive` shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from support import quick_yaml

CRD = Path(__file__).resolve().parents[2] / "manifests" / "crds" / "e2imodels.yaml"


def leaves(part: str) -> Iterator[str]:
    """The fields of `spec` or `status` that hold values: probes.startup.httpGet.path. [] stands for items."""
    return _leaves(_schema()["properties"][part], "")


def defaults_in_lists(part: str) -> Iterator[str]:
    """The fields with a default inside of a list: rollout.verify[].method."""
    return _defaults(_schema()["properties"][part], "", in_list=False)


def _defaults(schema: Mapping[str, Any], place: str, *, in_list: bool) -> Iterator[str]:
    if in_list and "default" in schema:
        yield place
    for name, field in schema.get("properties", {}).items():
        yield from _defaults(field, f"{place}.{name}".lstrip("."), in_list=in_list)
    if "items" in schema:
        yield from _defaults(schema["items"], f"{place}[]", in_list=True)


@cache
def _schema() -> Mapping[str, Any]:
    crd = quick_yaml.load(CRD.read_text())
    schema: Mapping[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _leaves(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if properties := schema.get("properties"):
        for name, inner in properties.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif "properties" in schema.get("items", ()):
        yield from _leaves(schema["items"], f"{path}[]")
    else:
        yield path
