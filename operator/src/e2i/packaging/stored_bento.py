"""Reads back what was packaged: the cards of a bento in the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2i.api.tags import TagRefused, parse_tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.archive.content_digest import content_digest
from e2i.archive.errors import ExportFailure
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i_bento.card import CARD_FILE, Card, read_card


@dataclass(frozen=True)
class StoredBento:
    """A packaged bento: its exact tag, the digest of its archive, and the cards of its models, the first one first."""

    tag: str
    digest: str
    cards: tuple[Card, ...]


def read_stored(store: Path, tag: str) -> StoredBento:
    """The bento of exactly this tag; Refused when it is not there, damaged, or was not packaged by us."""
    try:
        found = find_bento(store, parse_tag(tag))
        digest = content_digest(found)
    except (ExportFailure, TagRefused) as failure:
        raise PackagingError(ErrorReason.BentoUnusable, failure.message) from failure
    cards = cards_of(found)
    if len(cards) < len(found.models):
        raise PackagingError(
            ErrorReason.BentoUnusable,
            f"A model of {tag} has no card, so nothing is known to ask it. Package it with `e2i package`, or write "
            "the manifest by hand (docs/reference/e2imodel.md).",
        )
    return StoredBento(tag, digest, cards)


def cards_of(bento: FoundBento) -> tuple[Card, ...]:
    """The cards of the bento's models that have one; none for a bento that was not packaged by us."""
    return tuple(read_card(model.path) for model in bento.models if (model.path / CARD_FILE).is_file())
