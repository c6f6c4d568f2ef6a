"""A model says nothing of another namespace, of a node or of the bucket: the schema has no such field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CRD = Path(__file__).resolve().parents[3] / "manifests" / "crds" / "e2imodels.yaml"
FORBIDDEN = {"namespace", "namespaces", "bucket", "endpoint", "url", "uri", "privileged", "host", "security"}
"""Words that no name of a field has."""


def fields(schema: dict[str, Any], place: str = "spec") -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield f"{place}.{name}"
        yield from fields(inner, f"{place}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{place}[]")


def test_no_field_of_the_spec_leaves_the_namespace_or_asks_for_a_node() -> None:
    crd = yaml.safe_load(CRD.read_text())
    (version,) = crd["spec"]["versions"]
    found = list(fields(version["schema"]["openAPIV3Schema"]["properties"]["spec"]))
    assert len(found) > 100
    assert [each for each in found if words(each.rpartition(".")[2]) & FORBIDDEN] == []


def words(name: str) -> set[str]:
    """Return the words of a name: hostPath -> {host, path}"""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)}


def test_no_part_of_the_spec_takes_fields_that_it_does_not_name() -> None:
    """But the one that is refused whatever stands in it."""
    crd = yaml.safe_load(CRD.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert list(open_places(spec)) == ["spec.autoscaling.behavior"]
    rules = spec["properties"]["autoscaling"]["x-kubernetes-validations"]
    assert "!has(self.behavior)" in [rule["rule"] for rule in rules]


def open_places(schema: dict[str, Any], place: str = "spec") -> Iterator[str]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        yield place
    for name, inner in schema.get("properties", {}).items():
        yield from open_places(inner, f"{place}.{name}")
    if "items" in schema:
        yield from open_places(schema["items"], f"{place}[]")
