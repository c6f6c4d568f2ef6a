"""Reads a backup: what each model was, or why the file is none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from e2i.api import naming
from e2i.inspection.backup.document import API_VERSION, BEGIN, END, KIND

Body = Mapping[str, Any]


class BackupInvalid(ValueError):
    """The text is no backup that this version can read. The message is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One model of a backup."""

    namespace: str
    name: str
    manifest: Body
    serving: Body
    """Empty if no release served."""
    history: tuple[Body, ...]
    failures: tuple[Body, ...]

    @property
    def place(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup, with its models in its own order."""

    taken_at: str
    cluster: str
    models: tuple[Saved, ...]


def read_backup(text: str, source: str) -> Backup:
    """Return the backup; BackupInvalid if it is none. `source` names the file in messages."""
    # Up to the end of any line it is YAML, of fewer models, or of one that has lost its history.
    if text.startswith(BEGIN.rstrip()) and not text.rstrip().endswith("\n" + END.rstrip()):
        raise BackupInvalid(f"{source} is cut: its last line is not {END.rstrip()} Take the whole file.")
    try:
        # JSON is YAML.
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BackupInvalid(f"{source} is not YAML or JSON: {error}") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise BackupInvalid(f"{source} is no {KIND}: give a file that kubectl e2i backup wrote.")
    version = content.get("apiVersion")
    if version != API_VERSION:
        raise BackupInvalid(
            f"{source} has the format {version}, and this kubectl-e2i reads {API_VERSION}: use the one that wrote it."
        )
    models = content.get("models")
    if not isinstance(models, list) or not models:
        raise BackupInvalid(f"{source} has no models.")
    cluster = content.get("cluster")
    read = tuple(_saved(entry, f"models[{index}] of {source}") for index, entry in enumerate(models))
    places = [each.place for each in read]
    for index, place in enumerate(places):
        if place in places[:index]:
            raise BackupInvalid(
                f"{source} has {place} twice: models[{places.index(place)}] and models[{index}]. Remove one of them."
            )
    return Backup(
        taken_at=str(content.get("takenAt", "")),
        cluster=str(cluster.get("server", "")) if isinstance(cluster, dict) else "",
        models=read,
    )


def _saved(entry: object, place: str) -> Saved:
    try:
        if not isinstance(entry, dict):
            raise TypeError
        manifest, serving = entry["manifest"], entry.get("serving") or {}
        metadata = manifest["metadata"]
        whole = manifest["kind"] == naming.KIND and isinstance(manifest["spec"]["bento"]["tag"], str)
        texts = [metadata.get(name) or {} for name in ("labels", "annotations")]
        lists = [entry.get(name) or [] for name in ("history", "failedReleases")]
        whole = whole and all(isinstance(each, dict) for each in (serving, *texts))
        if not (whole and all(_are_objects(items) for items in lists)):
            raise TypeError
        return Saved(
            namespace=str(metadata["namespace"]),
            name=str(metadata["name"]),
            manifest=manifest,
            serving=serving,
            history=tuple(lists[0]),
            failures=tuple(lists[1]),
        )
    except (KeyError, TypeError, AttributeError):
        raise BackupInvalid(
            f"{place} is damaged: it needs a manifest with name, namespace and spec.bento.tag. Remove it, or take "
            "another backup."
        ) from None


def _are_objects(items: object) -> bool:
    return isinstance(items, list) and all(isinstance(item, dict) for item in items)
