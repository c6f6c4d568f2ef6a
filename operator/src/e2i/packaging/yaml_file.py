"""Reads and writes YAML files that people edit as well, with their comments and quotes. The only module that uses
ruamel.yaml."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import LiteralScalarString

from e2i.packaging.errors import ErrorReason, PackagingError

_READ_AS_BOOLEANS = {"y", "n", "yes", "no", "on", "off"}
"""Texts that kubectl reads as booleans if they have no quotes, by YAML 1.1. YAML 1.2, which is written, needs none."""


def list_resource(file: Path, name: str) -> str:
    """Return the text of the kustomization.yaml with `name` among its resources."""
    if not file.exists():
        return dump(
            {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [name]},
        )
    kustomization = load(file.read_text(), file)
    resources = kustomization.get("resources")
    if isinstance(resources, list) and name in resources:
        return file.read_text()
    if resources is None:
        kustomization["resources"] = [name]
    elif isinstance(resources, list):
        resources.append(name)
    else:
        raise PackagingError(
            ErrorReason.ManifestUnusable, f"resources of {file} are no list. Correct it, then try again."
        )
    return dump(kustomization)


def load(text: str, file: Path) -> Any:
    """Return the YAML object with its comments; PackagingError, which names `file`, if it is none."""
    try:
        loaded = _yaml().load(text)
    except YAMLError as error:
        reason = " ".join(str(error).split())[:300]
        raise PackagingError(
            ErrorReason.ManifestUnusable, f"{file} is no YAML: {reason}. Correct it, then try again."
        ) from error
    if not isinstance(loaded, dict):
        raise PackagingError(
            ErrorReason.ManifestUnusable,
            f"{file} holds no object of Kubernetes. Move it away, then try again.",
        )
    return loaded


def with_blocks(value: Any) -> Any:
    """Write JSON texts as blocks of lines, which a diff shows well."""
    if isinstance(value, CommentedMap):
        return value
    if isinstance(value, Mapping):
        return CommentedMap(
            (key, LiteralScalarString(inner) if key in ("body", "subset") else with_blocks(inner))
            for key, inner in value.items()
        )
    return [with_blocks(inner) for inner in value] if isinstance(value, list) else value


def write(file: Path, text: str) -> bool:
    """Write the file atomically if its text is another one; return whether it was."""
    if file.exists() and file.read_text() == text:
        return False
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text)
    partial.replace(file)
    return True


def _represent_text(representer: RoundTripRepresenter, text: str) -> ScalarNode:
    style = '"' if text.lower() in _READ_AS_BOOLEANS else None
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


RoundTripRepresenter.add_representer(str, _represent_text)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def dump(value: Any) -> str:
    """Return the YAML text, with the comments that `load` found."""
    stream = io.StringIO()
    _yaml().dump(value, stream)
    return stream.getvalue()
