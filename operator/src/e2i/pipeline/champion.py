"""Find the model that a new model is compared with: the one that serves, or the one named by --against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from e2i.packaging.version_log import VERSION_LOG
from e2i.pipeline.context import Loop
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.workspace import read_lines
from e2i.registry import client as registry
from e2i.registry.uri import parse_model_uri
from e2i_bento.card import CARD_FILE, Holdout, read_card

NOTHING = "none"


@dataclass(frozen=True)
class FoundModel:
    """The folder of a model, and the folder of the modules that its pickle needs."""

    name: str
    model: Path
    code: Path

    def doubt(self, holdout: Holdout) -> str:
        """Return why it may have learned from rows of the holdout; empty if it did not.

        `e2i package` takes the whole file, and nobody knows what a model learned from that others logged in MLflow.
        """
        try:
            own = read_card(self.model).lineage.holdout
        except (OSError, ValueError):
            # The measurement will report why the card cannot be read.
            return ""
        if own is None:
            return "e2i pipeline did not train it"
        if own.columns != holdout.columns:
            return "its data had other columns, and a row's columns decide whether it is in the holdout"
        return f"its holdout was smaller, {own.share:g} of the rows" if own.share < holdout.share else ""


def serving_name(loop: Loop) -> str | None:
    """Return the name of the model that serves (a bento's tag, models:/NAME/3 or a folder), or None.

    --against wins, then the cluster. Without a cluster the first of these decides: the manifest of the overlay, the
    last release of this project, the alias `serving` of the registry, the last line of versions.jsonl.
    """
    against = loop.options.against
    if against:
        return None if against == NOTHING else against
    if loop.cluster:
        return loop.cluster.serving()
    return _in_overlay(loop) or _released(loop) or _serving_alias(loop) or _last_packaged(loop)


def _in_overlay(loop: Loop) -> str | None:
    manifest = loop.overlay / f"{loop.model_name}.yaml" if loop.overlay else None
    if manifest is None or not manifest.is_file():
        return None
    content = yaml.safe_load(manifest.read_text())
    tag = content.get("spec", {}).get("bento", {}).get("tag") if isinstance(content, dict) else None
    return str(tag) if tag else None


def _released(loop: Loop) -> str | None:
    released = read_lines(loop.workspace.released)
    return str(released[-1]["bento"]) if released else None


def _last_packaged(loop: Loop) -> str | None:
    tags = [str(line.get("tag")) for line in read_lines(loop.folder / VERSION_LOG)]
    own = [tag for tag in tags if tag.partition(":")[0] == loop.project.name]
    return own[-1] if own else None


def _serving_alias(loop: Loop) -> str | None:
    uri = registry.tracking_uri(loop.workspace.registry)
    return registry.serving_bento(uri, loop.project.name) if _may_have_models(uri) else None


def _may_have_models(uri: str) -> bool:
    """Return False if the registry is a database file that does not exist: to create one takes seconds."""
    return not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).exists()


def find_model(loop: Loop, name: str) -> FoundModel:
    """Return the files of the model `name`: from the store, the registry or its own folder; else PipelineError."""
    folder = loop.workspace.root / "serving"
    if parse_model_uri(name):
        return _fetch_model(loop, name, name, folder)
    if Path(name).is_dir():
        return FoundModel(name, Path(name).resolve(), Path(name).resolve() / "code")
    if found := _in_store(loop.store, name, loop.project.name):
        return found
    tracking = registry.tracking_uri(loop.workspace.registry)
    uri = registry.uri_of_bento(tracking, loop.project.name, name) if _may_have_models(tracking) else None
    if uri is None:
        raise PipelineError(
            f"neither the BentoML store {loop.store} nor the MLflow registry has the model of {name}"
        )
    return _fetch_model(loop, name, uri, folder)


def _fetch_model(loop: Loop, name: str, uri: str, folder: Path) -> FoundModel:
    fetched = registry.fetch(uri, folder, registry.tracking_uri(loop.workspace.registry))
    if not (fetched.folder / CARD_FILE).exists():
        raise PipelineError(f"{uri} has no {CARD_FILE}: it was not registered by `e2i pipeline`")
    return FoundModel(name, fetched.folder, fetched.folder / "code")


def _in_store(store: Path, tag: str, model: str) -> FoundModel | None:
    """Return the model of this name that the bento `tag` of the store declares, or None."""
    bento = store / "bentos" / Path(*tag.split(":"))
    record = bento / "bento.yaml"
    if not record.is_file():
        return None
    content = yaml.safe_load(record.read_text())
    declared = [
        *content.get("models", ()),
        *(m for s in content.get("services", ()) for m in s.get("models", ())),
    ]
    for item in declared:
        name, _, version = str(item.get("tag", "")).partition(":")
        folder = store / "models" / name / version
        if name == model and (folder / CARD_FILE).is_file():
            return FoundModel(tag, folder, bento / "src")
    return None
