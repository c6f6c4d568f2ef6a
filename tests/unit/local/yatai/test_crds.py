"""Our small CRDs against the real ones: whatever ours accept, the real ones accept too.

The real CRDs are not part of this project; where they are not at hand, these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import e2i.local.yatai

ROOT = Path(__file__).parents[4]
REAL = ROOT.parent / "shared" / "yatai" / "crds"
OURS = Path(e2i.local.yatai.__file__).parent / "crds"
NAMES = {
    "bentoes.yaml": "resources.yatai.ai_bentoes.yaml",
    "bentorequests.yaml": "resources.yatai.ai_bentorequests.yaml",
    "bentodeployments.yaml": "serving.yatai.ai_bentodeployments.yaml",
}
# Said of an object, and of no consequence for which objects are accepted.
WORDS = {"description", "x-kubernetes-map-type", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
# Bounds: where the real schema has one, ours must have the same.
BOUNDS = (
    "format",
    "pattern",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "anyOf",
    "x-kubernetes-int-or-string",
)


def crd(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def served(definition: dict[str, Any], version: str) -> dict[str, Any]:
    return next(v for v in definition["spec"]["versions"] if v["name"] == version)


def excess(ours: dict[str, Any], real: dict[str, Any], path: str = "") -> list[str]:
    """Where our schema accepts what the real one would refuse."""
    found = []
    if ours.get("type") != real.get("type"):
        found.append(f"{path}: type {ours.get('type')}, really {real.get('type')}")
    found += [f"{path}: {key}" for key in BOUNDS if key in real and ours.get(key) != real[key]]
    required = set(real.get("required", ())) - set(ours.get("required", ()))
    found += [f"{path}.{name}: is required" for name in sorted(required)]
    for name, schema in ours.get("properties", {}).items():
        if name not in real.get("properties", {}):
            found.append(f"{path}.{name}: is unknown")
        else:
            found += excess(schema, real["properties"][name], f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in ours:
            found += excess(ours[inner], real.get(inner, {}), f"{path}[]")
    known = {"type", "required", "properties", "items", "additionalProperties", *BOUNDS, *WORDS}
    return found + [f"{path}: {key} is not compared" for key in ours.keys() - known]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real Yatai CRDs are not at hand")
@pytest.mark.parametrize("name", NAMES)
def test_the_real_crd_accepts_whatever_ours_accepts(name: str) -> None:
    ours, real = crd(OURS / name), crd(REAL / NAMES[name])
    version = ours["spec"]["versions"][0]["name"]
    schemas = [served(c, version)["schema"]["openAPIV3Schema"] for c in (ours, real)]
    assert excess(*schemas) == []


@pytest.mark.skipif(not REAL.is_dir(), reason="the real Yatai CRDs are not at hand")
@pytest.mark.parametrize("name", NAMES)
def test_names_and_printed_columns_are_the_real_ones(name: str) -> None:
    ours, real = crd(OURS / name), crd(REAL / NAMES[name])
    assert ours["metadata"]["name"] == real["metadata"]["name"]
    assert ours["spec"]["names"] == real["spec"]["names"]
    version = ours["spec"]["versions"][0]["name"]
    for key in ("additionalPrinterColumns", "subresources"):
        assert served(ours, version)[key] == served(real, version)[key]


def test_the_comparison_finds_what_is_wider() -> None:
    real = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "maxLength": 3}}}
    ours = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    assert excess(ours, real) == [".a: is required", ".a: maxLength", ".b: is unknown"]
