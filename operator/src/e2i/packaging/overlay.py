"""Updates the manifests in an environment's folder, which people edit as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from e2i.packaging.pod_requests import pod_requests
from e2i.packaging.yaml_file import dump, list_resource, load, read, with_blocks, write

KUSTOMIZATION = "kustomization.yaml"
NOTE = "# e2i: "
_PLACES = ("archive", "image", "serviceName", "pathPrefix")
"""Fields of a bento that say where it is, when it is not in the store, and what belongs to that place."""
"""Begins a comment that is made from the bento and made again with it; all other comments are a person's."""


def to_yaml(inputs: ManifestInputs) -> str:
    """Return the manifest as YAML, with its notes as comments at the top. A new one says what its pods request."""
    if inputs.resources is None:
        inputs = replace(inputs, resources=pod_requests(inputs.model_bytes))
    return _with_notes(dump(with_blocks(manifest(inputs))), manifest_notes(inputs))


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
    text = update_manifest(read(file), file, inputs) if file.exists() else to_yaml(inputs)
    kustomization = folder / KUSTOMIZATION
    listed = list_resource(kustomization, file.name)
    folder.mkdir(exist_ok=True)
    changed = [write(file, text), write(kustomization, listed)]
    return file, any(changed)


def update_manifest(text: str, file: Path, inputs: ManifestInputs) -> str:
    """Return the manifest with the new bento, its checks and its labels; everything else as somebody wrote it."""
    plain = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(NOTE))
    model = load(plain, file)
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
    return _with_notes(
        dump(model, like=plain), manifest_notes(inputs, len(own_checks), spec.get("env") or [])
    )


def _merge(spec: dict[str, Any], inputs: ManifestInputs) -> None:
    named = spec.setdefault("bento", with_blocks({}))
    fresh = bento_reference(inputs)
    for place in _PLACES:
        # The digest of another bento would only be refused; without it the store is asked.
        if place not in fresh:
            named.pop(place, None)
    if len(fresh) > 1:
        named.pop("store", None)
    named.update(fresh)
    spec["type"] = inputs.cards[0].type
    if inputs.replicas is not None:
        spec["replicas"] = inputs.replicas
    if inputs.resources is not None and spec.get("resources") != inputs.resources:
        spec["resources"] = with_blocks(inputs.resources)
    env = merge_env(spec.get("env") or [], inputs.env)
    if env != list(spec.get("env") or []):
        spec["env"] = with_blocks(env)
    _merge_rollout(spec, inputs)


def _merge_rollout(spec: dict[str, Any], inputs: ManifestInputs) -> None:
    rollout = spec.get("rollout")
    if not isinstance(rollout, dict):
        rollout = spec["rollout"] = with_blocks({})
    present = rollout.get("verify") or []
    checks = [with_blocks(check) for check in merge_checks(present, inputs.cards)]
    if list(present) != checks:
        rollout["verify"] = checks
    if labels := contract(inputs.cards):
        agreed = rollout.setdefault("contract", with_blocks({}))
        if list(agreed.get("labels") or []) != labels["labels"]:
            agreed.update(labels)
