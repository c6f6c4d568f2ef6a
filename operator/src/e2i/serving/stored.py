"""Reads from a BentoML store what a bento says of itself: its kind, and the golden predictions of its models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from e2i.core.failures import BentoNotFound, ExportFailure
from e2i.core.tags import Tag
from e2i.edge.bentos import FoundBento, find_bento
from e2i.packaging.manifest import contract, verify_checks
from e2i.serving.faults import PackagingRefused
from e2i.serving.manifest import Deployable
from e2i_bento.card import CARD_FILE, Card, read_card

TYPE_LABEL = "e2i.dev/type"
TYPES = ("Classification", "Regression", "Causal")


def find_deployable(store: Path, tag: Tag) -> Deployable | None:
    """The bento of exactly this tag, None when there is none; PackagingRefused when it cannot be released.

    Blocking, for a thread; reads descriptions only. A bento without cards is released without golden predictions.
    """
    try:
        bento = find_bento(store, tag)
    except BentoNotFound:
        return None
    except ExportFailure as failure:
        raise PackagingRefused(failure.message, failure.reason) from failure
    return deployable(bento, cards_of(bento))


def deployable(bento: FoundBento, cards: Sequence[Card]) -> Deployable:
    """What the E2IModel of this bento says: by its cards, else by its label."""
    if not cards:
        return Deployable(tag=str(bento.tag), type=_labelled_type(bento.path))
    labels = contract(cards)
    rollout = {"verify": verify_checks(cards), **({"contract": labels} if labels else {})}
    return Deployable(tag=str(bento.tag), type=cards[0].type, rollout=rollout)


def cards_of(bento: FoundBento) -> tuple[Card, ...]:
    """The cards of the bento's models; none unless all have one, for they are asked under routes by their number."""
    folders = [model.path for model in bento.models]
    if not all((folder / CARD_FILE).is_file() for folder in folders):
        return ()
    try:
        return tuple(read_card(folder) for folder in folders)
    except (ValidationError, OSError, ValueError) as error:
        raise PackagingRefused(
            f"A model of {bento.tag} has a {CARD_FILE} that cannot be read ({str(error)[:200]}): package it anew."
        ) from error


def _labelled_type(bento: Path) -> str | None:
    """classification -> Classification; None without a label that means one."""
    description: dict[str, Any] = yaml.safe_load((bento / "bento.yaml").read_text())
    label = str((description.get("labels") or {}).get(TYPE_LABEL, "")).capitalize()
    return label if label in TYPES else None
