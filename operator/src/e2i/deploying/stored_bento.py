"""Read from a stored bento its type and the golden predictions of its models."""

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
from e2i.packaging.stored_bento import cards_of, required_env

TYPE_LABEL = "e2i.dev/type"
TYPES = ("Classification", "Regression", "Causal")


def find_deployable(store: Path, tag: Tag) -> Deployable:
    """Return the bento with this tag, or the only bento that holds the model with this tag.

    ModelNotFound if there is none, PackagingRefused if it cannot be released. Blocking, for a thread; reads only
    descriptions. A bento without cards is released without golden predictions.
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
    """Return the only bento that holds the model; ModelNotFound(missing) if the store does not have the model."""
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
            raise ModelNotFound(f"Several bentos hold the model {model}: deploy one of {names}.")


def _sound_bentos(store: Path) -> Iterator[FoundBento]:
    for file in sorted((store / "bentos").glob("*/*/bento.yaml")):
        with contextlib.suppress(ExportError):
            yield find_bento(store, Tag(file.parent.parent.name, file.parent.name))


def deployable(bento: FoundBento) -> Deployable:
    """Return what the bento says of itself: type and golden predictions of its cards, else the type of its label."""
    try:
        cards = cards_of(bento)
    except (ValidationError, OSError, ValueError) as error:
        raise PackagingRefused(
            f"A model of {bento.tag} has a card that cannot be read ({str(error)[:200]}): package it again."
        ) from error
    # The routes of golden predictions depend on the number of models, so every model needs a card.
    needed = required_env(bento)
    if len(cards) < max(1, len(bento.models)):
        return Deployable(tag=str(bento.tag), type=_labelled_type(bento.path), required_env=needed)
    labels = contract(cards)
    rollout = {"verify": verify_checks(cards), **({"contract": labels} if labels else {})}
    return Deployable(tag=str(bento.tag), type=cards[0].type, rollout=rollout, required_env=needed)


def _labelled_type(bento: Path) -> str | None:
    """Return the type in the label e2i.dev/type, or None: classification -> Classification."""
    description: dict[str, Any] = yaml.safe_load((bento / "bento.yaml").read_text())
    label = str((description.get("labels") or {}).get(TYPE_LABEL, "")).capitalize()
    return label if label in TYPES else None
