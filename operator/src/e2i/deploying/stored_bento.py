"""Read the kind of a stored bento and the golden predictions of its models."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from e2i.api.tags import Tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.archive.errors import BentoNotFound, ExportError
from e2i.deploying.errors import ModelNotFound, PackagingRefused
from e2i.deploying.request_manifest import Deployable
from e2i.packaging.model_manifest import contract, verify_checks
from e2i.packaging.stored_bento import cards_of

TYPE_LABEL = "e2i.dev/type"
TYPES = ("Classification", "Regression", "Causal")


def find_deployable(store: Path, tag: Tag) -> Deployable:
    """The bento of exactly this tag, or the only one that holds the model of this tag.

    ModelNotFound when there is none, PackagingRefused when it cannot be released. Blocking, for a thread; reads
    descriptions only. A bento without cards is released without golden predictions.
    """
    try:
        bento = find_bento(store, tag)
    except BentoNotFound as missing:
        bento = _only_bento_with(store, tag, missing.message)
    except ExportError as failure:
        raise PackagingRefused(failure.message, failure.reason) from failure
    return deployable(bento)


def has_bento(store: Path, tag: str) -> bool:
    name, _, version = tag.partition(":")
    return (store / "bentos" / name / version / "bento.yaml").is_file()


def _only_bento_with(store: Path, model: Tag, missing: str) -> FoundBento:
    """The bento that holds the model; ModelNotFound, with the sentence `missing` when there is no such model either."""
    if not (store / "models" / model.name / model.version).is_dir():
        raise ModelNotFound(missing)
    holding = [bento for bento in _sound_bentos(store) if model in [each.tag for each in bento.models]]
    match holding:
        case [bento]:
            return bento
        case []:
            raise ModelNotFound(
                f"{model} is a model, and no bento of the store {store} holds it: package it with `e2i package`."
            )
        case _:
            names = ", ".join(str(bento.tag) for bento in holding)
            raise ModelNotFound(f"{model} is a model that several bentos hold: deploy one of {names}.")


def _sound_bentos(store: Path) -> Iterator[FoundBento]:
    for file in sorted((store / "bentos").glob("*/*/bento.yaml")):
        with contextlib.suppress(ExportError):
            yield find_bento(store, Tag(file.parent.parent.name, file.parent.name))


def deployable(bento: FoundBento) -> Deployable:
    """What the E2IModel of this bento says: by its cards, else by its label."""
    try:
        cards = cards_of(bento)
    except (ValidationError, OSError, ValueError) as error:
        raise PackagingRefused(
            f"A model of {bento.tag} has a card that cannot be read ({str(error)[:200]}): package it again."
        ) from error
    # The routes that golden predictions are asked under follow from the number of models: all must be known.
    if len(cards) < max(1, len(bento.models)):
        return Deployable(tag=str(bento.tag), type=_labelled_type(bento.path))
    labels = contract(cards)
    rollout = {"verify": verify_checks(cards), **({"contract": labels} if labels else {})}
    return Deployable(tag=str(bento.tag), type=cards[0].type, rollout=rollout)


def _labelled_type(bento: Path) -> str | None:
    """classification -> Classification; None without a label that means one."""
    description: dict[str, Any] = yaml.safe_load((bento / "bento.yaml").read_text())
    label = str((description.get("labels") or {}).get(TYPE_LABEL, "")).capitalize()
    return label if label in TYPES else None
