"""Reads back what was packaged: the cards of a bento in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2i.api.tags import TagRefused, parse_tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.archive.bento_yaml import read_description
from e2i.archive.content_digest import content_digest
from e2i.archive.errors import ExportError
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.manifest_notes import missing_env
from e2i_bento.card import CARD_FILE, Card, read_card


@dataclass(frozen=True)
class StoredBento:
    """A packaged bento: its exact tag, the digest of its archive, the cards of its models, the first one first, the
    environment variables that it declares without a value, and the size of its models' files."""

    tag: str
    digest: str
    cards: tuple[Card, ...]
    required_env: tuple[str, ...] = ()
    model_bytes: int = 0


def read_stored(store: Path, tag: str) -> StoredBento:
    """Return the bento of exactly this tag; PackagingError if it is not there, damaged, or was not packaged by us."""
    try:
        found = find_bento(store, parse_tag(tag))
        digest = content_digest(found)
    except (ExportError, TagRefused) as failure:
        raise PackagingError(ErrorReason.BentoUnusable, failure.message) from failure
    cards = cards_of(found)
    required = required_env(found)
    if not cards or len(cards) < len(found.models):
        what = f"A model of {tag} has no card" if found.models else f"{tag} has no model"
        notes = " ".join(["", *missing_env(required)])
        raise PackagingError(
            ErrorReason.BentoUnusable,
            f"{what}, so no golden prediction is known. Package it with `e2i package`, or write the manifest by hand "
            f"(docs/reference/e2imodel.md).{notes}",
        )
    return StoredBento(tag, digest, cards, required, sum(folder_bytes(model.path) for model in found.models))


def folder_bytes(folder: Path) -> int:
    """Return the size of all files below the folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def required_env(bento: FoundBento) -> tuple[str, ...]:
    """Return the names of the variables that the bento's `envs` declare for its running service without a value."""
    declared = read_description(bento.pieces, bento.tag).get("envs")
    variables = [each for each in declared if isinstance(each, Mapping)] if isinstance(declared, list) else []
    needed = (each for each in variables if not each.get("value") and each.get("stage") != "build")
    return tuple(str(each["name"]) for each in needed if each.get("name"))


def cards_of(bento: FoundBento) -> tuple[Card, ...]:
    """Return the cards of the bento's models that have one; none for a bento that was not packaged by us."""
    return tuple(read_card(model.path) for model in bento.models if (model.path / CARD_FILE).is_file())
