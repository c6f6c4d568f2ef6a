"""Find a bento in a BentoML store. Only reads files.

BentoML's own functions are not used: its look-up accepts a unique prefix in place of an exact version, and its export
writes into the store and may leave an incomplete model there.

A store has `bentos/<name>/<version>/bento.yaml` and `models/<name>/<version>/model.yaml`. A test compares the results
of this module with BentoML's own answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from e2i.api.tags import Tag, TagRefused, parse_tag
from e2i.archive.bento_yaml import Description, is_old_style, read_description
from e2i.archive.completeness import refuse_incomplete
from e2i.archive.errors import BentoNotFound, BentoUnreadable, ModelMissing, NoDeclaredModel, UnsafeFile
from e2i.archive.file_listing import Piece, list_tree, not_allowed
from e2i.archive.members import Kind, Member
from e2i.archive.path_prefix import path_prefix

NO_MODEL_LABEL = "e2i.dev/no-model"
VERSIONS_NAMED = 5
OLD_STYLE_ADVICE = (
    "Give it to its runner or to the service, Runner(..., models=[...]) or Service(..., models=[...])"
)
NEW_STYLE_ADVICE = "Declare it as a class attribute, model = bentoml.models.BentoModel(...)"


@dataclass(frozen=True)
class FoundModel:
    """A model that the bento refers to, in the store."""

    tag: Tag
    path: Path


@dataclass(frozen=True)
class FoundBento:
    """A bento that can be exported: it is complete, and has nothing that must not leave the machine.

    `size` is the sum of all files in bytes. `signature` changes if a file of the bento or of its models changes.
    `changed` is the time of the last change, in seconds since the epoch by the clock of the file system.
    `pieces` are the members of the archive, sorted.
    """

    tag: Tag
    path: Path
    models: tuple[FoundModel, ...]
    service: str
    bentoml_version: str
    path_prefix: str
    size: int
    signature: str
    changed: float
    pieces: tuple[Piece, ...]


def find_bento(store: Path, tag: Tag) -> FoundBento:
    """Return the bento of exactly this tag in the BentoML home `store`; ExportError if it cannot be exported.

    Blocking, for a thread. Reads bento.yaml; of all other files it reads the size and times, not the content.
    """
    try:
        return _find(store, tag)
    except PermissionError as error:
        raise not_allowed(error) from error
    except OSError as error:
        raise BentoUnreadable(f"{error.filename} of {tag} cannot be read: {error.strerror}.") from error


def last_change(store: Path, tag: Tag) -> float:
    """Return when a file or folder of the bento changed last, in seconds since the epoch; 0 if it cannot be read."""
    path = store / "bentos" / tag.name / tag.version
    try:
        return max(each.lstat().st_ctime for each in (path, *path.rglob("*")))
    except OSError:
        return 0.0


def _find(store: Path, tag: Tag) -> FoundBento:
    path = store / "bentos" / tag.name / tag.version
    if not path.is_dir():
        raise BentoNotFound(_not_found(store, tag))
    _refuse_link(store, path)
    # BentoML's own export leaves a `models` folder in a stored bento, and it may be incomplete.
    own = list_tree(path, skip="models")
    description = read_description(own, tag)
    refuse_incomplete(own, description, tag)
    models = _models(store, tag, description)
    pieces = _pieces(own, models, description)
    return FoundBento(
        tag=tag,
        path=path,
        models=models,
        service=str(description.get("entry_service") or tag.name),
        bentoml_version=str(description.get("bentoml_version") or ""),
        path_prefix=path_prefix(description),
        size=sum(piece.member.size for piece in pieces),
        signature=_signature(pieces),
        changed=max(piece.stamp.ctime_ns for piece in pieces if piece.stamp) / 1e9,
        pieces=pieces,
    )


def _refuse_link(store: Path, folder: Path) -> None:
    """Raise UnsafeFile if the folder is a link, or below one: it may lead to anything that the operator can read."""
    if folder.resolve() != store.resolve() / folder.relative_to(store):
        raise UnsafeFile(f"{folder} is, or is below, a link; copy what it leads to into the store.")


def _not_found(store: Path, tag: Tag) -> str:
    folder = store / "bentos" / tag.name
    try:
        # Newest first, because the user most likely means a recent one.
        versions = sorted(
            (entry for entry in folder.iterdir() if entry.is_dir()),
            key=lambda entry: entry.stat().st_mtime,
            reverse=True,
        )
    except OSError:
        versions = []
    if not versions:
        near = " or ".join(get_close_matches(tag.name, _bento_names(store)))
        meant = f"Did you mean {near}? If not, build" if near else "Build"
        return f"The store {store} has no bento named {tag.name}, in no version. {meant} {tag} or import it there."
    named = ", ".join(f"{tag.name}:{version.name}" for version in versions[:VERSIONS_NAMED])
    more = f" and {len(versions) - VERSIONS_NAMED} more" if len(versions) > VERSIONS_NAMED else ""
    return f"The store {store} has no bento {tag}; it has {named}{more}. Write one of these, or build {tag}."


def _bento_names(store: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in (store / "bentos").iterdir())
    except OSError:
        return []


def _references(tag: Tag, description: Description) -> list[Mapping[str, Any]]:
    """Return all model references: those of the bento itself and those of its services."""
    try:
        listed = [*(description.get("models") or [])]
        for service in description.get("services") or []:
            listed += service.get("models") or []
        return [{**reference, "tag": str(reference["tag"])} for reference in listed]
    except (AttributeError, KeyError, TypeError) as error:
        raise BentoUnreadable(
            f"bento.yaml of {tag} lists its models in an unknown form; build it again."
        ) from error


def _models(store: Path, tag: Tag, description: Description) -> tuple[FoundModel, ...]:
    references = _references(tag, description)
    labels = description.get("labels")
    if not references and not (
        isinstance(labels, dict) and str(labels.get(NO_MODEL_LABEL)).lower() == "true"
    ):
        advice = OLD_STYLE_ADVICE if is_old_style(description) else NEW_STYLE_ADVICE
        raise NoDeclaredModel(
            f"The bento {tag} declares no model, so one that its code loads would be missing where it runs. "
            f"{advice}, and build again; "
            f'for a service that needs none set the label {NO_MODEL_LABEL}: "true" in its bentofile.'
        )
    # The service itself downloads the models of other registries when it starts.
    stored = {ref["tag"] for ref in references if ref.get("registry", "bentoml") == "bentoml"}
    return tuple(_model(store, tag, name) for name in sorted(stored))


def _model(store: Path, bento: Tag, text: str) -> FoundModel:
    try:
        tag = parse_tag(text)
    except TagRefused as refused:
        raise BentoUnreadable(
            f"The bento {bento} refers to a model without an exact tag: {refused.message}"
        ) from None
    path = store / "models" / tag.name / tag.version
    if path.is_dir():
        _refuse_link(store, path)
    if not (path / "model.yaml").is_file():
        raise ModelMissing(
            f"The bento {bento} needs the model {tag}, and the store {store} has no complete one. "
            f"Bring it there with `bentoml models import` or train it again, then build {bento} again."
        )
    return FoundModel(tag, path)


def _pieces(
    own: Sequence[Piece], models: Sequence[FoundModel], description: Description
) -> tuple[Piece, ...]:
    pieces = list(own)
    if models:
        pieces.append(Piece(Member("models", Kind.FOLDER)))
    for name in sorted({model.tag.name for model in models}):
        pieces.append(Piece(Member(f"models/{name}", Kind.FOLDER)))
        latest = _latest(name, models, description).encode()
        pieces.append(Piece(Member(f"models/{name}/latest", Kind.FILE, size=len(latest)), content=latest))
    for model in models:
        folder = f"models/{model.tag.name}/{model.tag.version}"
        pieces.append(Piece(Member(folder, Kind.FOLDER)))
        pieces += list_tree(model.path, f"{folder}/")
    return tuple(sorted(pieces, key=lambda piece: piece.member.path.encode()))


def _latest(name: str, models: Sequence[FoundModel], description: Description) -> str:
    """Return the version of the model that the archive's file `latest` names: the newest one in the archive."""
    made = {
        ref["tag"]: str(ref.get("creation_time") or "") for ref in _references(models[0].tag, description)
    }
    versions = [model.tag for model in models if model.tag.name == name]
    return max(versions, key=lambda tag: (made[str(tag)], tag.version)).version


def _signature(pieces: Sequence[Piece]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(f"{piece.member}\0{piece.stamp}\0".encode())
    return digest.hexdigest()
