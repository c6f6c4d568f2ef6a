"""Updates the manifests in an environment's folder, which people edit as well. The only module that uses
ruamel.yaml."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import LiteralScalarString

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.manifest_notes import manifest_notes
from e2i.packaging.model_manifest import (
    GOLDEN_PREFIX,
    ManifestInputs,
    bento_reference,
    contract,
    manifest,
    merge_checks,
    merge_env,
    model_name,
)

KUSTOMIZATION = "kustomization.yaml"
NOTE = "# e2i: "
"""Begins a comment that is made from the bento and made again with it; all other comments are a person's."""


def to_yaml(inputs: ManifestInputs) -> str:
    """Return the manifest as YAML, with its notes as comments at the top."""
    return _with_notes(_dumped(_yaml(), _with_blocks(manifest(inputs))), manifest_notes(inputs))


def notes_of(text: str) -> list[str]:
    """Return the notes at the top of a manifest that to_yaml or update_manifest made."""
    return [line.removeprefix(NOTE) for line in text.splitlines() if line.startswith(NOTE)]


def _with_notes(text: str, notes: Sequence[str]) -> str:
    return "".join(f"{NOTE}{note}\n" for note in notes) + text


def write_overlay(folder: Path, inputs: ManifestInputs) -> tuple[Path, bool]:
    """Write or update <folder>/<name>.yaml and list it in kustomization.yaml; returns the file and whether one of
    them changed. PackagingError if a file is there that cannot be kept."""
    if not folder.parent.is_dir():
        raise PackagingError(
            ErrorReason.FileMissing,
            f"There is no folder {folder.parent}. Name the folder of an environment with --overlay.",
        )
    file = folder / f"{model_name(inputs)}.yaml"
    text = update_manifest(file.read_text(), file, inputs) if file.exists() else to_yaml(inputs)
    kustomization = folder / KUSTOMIZATION
    listed = _listed(kustomization, file.name)
    folder.mkdir(exist_ok=True)
    changed = [_write(file, text), _write(kustomization, listed)]
    return file, any(changed)


def update_manifest(text: str, file: Path, inputs: ManifestInputs) -> str:
    """Return the manifest with the new bento, its checks and its labels; everything else as somebody wrote it."""
    yaml = _yaml()
    plain = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(NOTE))
    model = _loaded(yaml, plain, file)
    spec = model.get("spec")
    if model.get("kind") != "E2IModel" or not isinstance(spec, dict):
        raise PackagingError(
            ErrorReason.ManifestUnusable,
            f"{file} is no manifest of one E2IModel. Move it away, then try again.",
        )
    named = (model.get("metadata") or {}).get("name")
    if named != model_name(inputs):
        raise PackagingError(
            ErrorReason.ManifestUnusable,
            f"{file} is the manifest of {named}, not of {model_name(inputs)}. Rename the file, or give --name {named}.",
        )
    _merge(spec, inputs)
    own_checks = [
        check
        for check in spec["rollout"].get("verify") or []
        if not str(check.get("name", "")).startswith(GOLDEN_PREFIX)
    ]
    return _with_notes(_dumped(yaml, model), manifest_notes(inputs, len(own_checks), spec.get("env") or []))


def _merge(spec: dict[str, Any], inputs: ManifestInputs) -> None:
    named = spec.setdefault("bento", CommentedMap())
    fresh = bento_reference(inputs)
    if "archive" not in fresh and "archive" in named:
        # The digest of another bento would only be refused; without it the store is asked.
        del named["archive"]
    if "archive" in fresh:
        named.pop("store", None)
    named.update(fresh)
    spec["type"] = inputs.cards[0].type
    if inputs.replicas is not None:
        spec["replicas"] = inputs.replicas
    if inputs.resources is not None and spec.get("resources") != inputs.resources:
        spec["resources"] = _with_blocks(inputs.resources)
    env = merge_env(spec.get("env") or [], inputs.env)
    if env != list(spec.get("env") or []):
        spec["env"] = _with_blocks(env)
    _merge_rollout(spec, inputs)


def _merge_rollout(spec: dict[str, Any], inputs: ManifestInputs) -> None:
    rollout = spec.get("rollout")
    if not isinstance(rollout, dict):
        rollout = spec["rollout"] = CommentedMap()
    present = rollout.get("verify") or []
    checks = [_with_blocks(check) for check in merge_checks(present, inputs.cards)]
    if list(present) != checks:
        rollout["verify"] = checks
    if labels := contract(inputs.cards):
        agreed = rollout.setdefault("contract", CommentedMap())
        if list(agreed.get("labels") or []) != labels["labels"]:
            agreed.update(labels)


def _listed(file: Path, name: str) -> str:
    """Return the kustomization.yaml with `name` among its resources."""
    yaml = _yaml()
    if not file.exists():
        return _dumped(
            yaml,
            {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [name]},
        )
    kustomization = _loaded(yaml, file.read_text(), file)
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
    return _dumped(yaml, kustomization)


def _loaded(yaml: YAML, text: str, file: Path) -> Any:
    try:
        loaded = yaml.load(text)
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


def _with_blocks(value: Any) -> Any:
    """Write JSON texts as blocks of lines, which a diff shows well."""
    if isinstance(value, CommentedMap):
        return value
    if isinstance(value, Mapping):
        return CommentedMap(
            (key, LiteralScalarString(inner) if key in ("body", "subset") else _with_blocks(inner))
            for key, inner in value.items()
        )
    return [_with_blocks(inner) for inner in value] if isinstance(value, list) else value


def _write(file: Path, text: str) -> bool:
    if file.exists() and file.read_text() == text:
        return False
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text)
    partial.replace(file)
    return True


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _dumped(yaml: YAML, value: Any) -> str:
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()
