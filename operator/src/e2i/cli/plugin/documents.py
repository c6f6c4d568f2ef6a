"""Reads E2IModels from a file, standard input or a kustomization."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from e2i.api import naming
from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.session import is_name

KUSTOMIZE_SECONDS = 60


@dataclass(frozen=True)
class Manifests:
    """The E2IModels of one source, in its order, and the number of other objects in it."""

    models: tuple[dict[str, Any], ...]
    others: int


def read_manifests(file: str | None, folder: Path | None) -> Manifests:
    """Return the E2IModels in `file` (- is standard input) or in the output of kustomize for `folder`.

    CommandError if there is none.
    """
    if folder is not None:
        source, text = str(folder), _kustomized(folder)
    else:
        source, text = file or "-", _text(file or "-")
    objects = list(_objects(text, source))
    models = tuple(body for body in objects if _is_model(body))
    if not models:
        raise CommandError(
            f"{source} holds no {naming.KIND} of {naming.GROUP} (objects in it: {len(objects)})."
        )
    for body in models:
        _check(body, source)
    return Manifests(models, len(objects) - len(models))


def _text(file: str) -> str:
    try:
        with click.open_file(file) as stream:
            text: str = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    return text


def _kustomized(folder: Path) -> str:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CommandError("-k needs kubectl on PATH: install it, or pipe `kustomize build` into plan -f -.")
    try:
        done = subprocess.run(
            [kubectl, "kustomize", str(folder)],
            capture_output=True,
            text=True,
            timeout=KUSTOMIZE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(
            f"`{_shown(folder)}` took longer than {KUSTOMIZE_SECONDS} s and was stopped."
        ) from None
    if done.returncode:
        raise CommandError(f"`{_shown(folder)}` failed: {done.stderr or done.returncode}")
    return done.stdout


def _shown(folder: Path) -> str:
    return shlex.join(["kubectl", "kustomize", str(folder)])


def _objects(text: str, source: str) -> Iterator[dict[str, Any]]:
    """Yield every object; a List yields its items."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise CommandError(f"{source} is not YAML: {error}") from error
    for number, document in enumerate(documents, start=1):
        if document is None:
            continue
        if not isinstance(document, dict) or "kind" not in document:
            raise CommandError(f"Document {number} of {source} is not a Kubernetes object: it has no kind.")
        inside = document.get("items")
        yield from (
            inside if str(document["kind"]).endswith("List") and isinstance(inside, list) else (document,)
        )


def _is_model(body: Mapping[str, Any]) -> bool:
    group, _, _ = str(body.get("apiVersion", "")).partition("/")
    return isinstance(body, dict) and body.get("kind") == naming.KIND and group == naming.GROUP


def _check(body: Mapping[str, Any], source: str) -> None:
    """Check the fields that a request to the API server needs; the API server checks the rest."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise CommandError(
            f"An {naming.KIND} in {source} has no metadata.name. Add it: plan compares by name."
        )
    for text in (metadata["name"], metadata.get("namespace", "default")):
        if not (isinstance(text, str) and is_name(text)):
            raise CommandError(
                f"{text!r} in {source} is not a valid name: use lower-case letters, digits, '-' and '.'."
            )
    if body["apiVersion"] != naming.API_VERSION:
        raise CommandError(
            f"{metadata['name']} in {source} has apiVersion {body['apiVersion']}: write {naming.API_VERSION}."
        )
