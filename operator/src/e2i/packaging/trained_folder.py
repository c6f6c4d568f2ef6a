"""Reads a trained folder and holds it to its card: file, packages, modules, golden predictions."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from e2i.packaging.contract_check import check_golden_contract
from e2i.packaging.data import file_digest
from e2i.packaging.dependency_check import (
    CODE,
    REQUIREMENTS,
    check_modules,
    check_pins,
    check_python,
    needed_modules,
)
from e2i.packaging.describe import read_pins
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.golden import check_finite
from e2i.packaging.modelfile import importable, load_recording_modules
from e2i.packaging.pins import Pin
from e2i_bento.card import BACKGROUND_FILE, CARD_FILE, Card, read_card
from e2i_bento.golden_check import check_golden
from e2i_bento.predicting import NotFinite, Predictor, load_predictor


@dataclass(frozen=True)
class TrainedFolder:
    """A trained folder that was found whole. `code` are the recipe's modules that its model needs, by file name."""

    folder: Path
    card: Card
    pins: tuple[Pin, ...]
    code: Mapping[str, Path]


def read_trained_folder(folder: Path) -> TrainedFolder:
    """Return the folder's card and pins, checked; the model itself is loaded and must predict as it did.
    PackagingError if not."""
    card = _card(folder)
    _check_file(folder, card)
    pins = read_pins(folder / REQUIREMENTS)
    check_python(card.name, card.lineage.python, platform.python_version())
    check_pins(card.name, card.lineage.packages, pins)
    own = {file.stem: file for file in sorted((folder / CODE).glob("*.py"))}
    with importable(folder / CODE):
        modules, predictor = load_recording_modules(
            folder / card.model.name, lambda _: load_predictor(folder)
        )
        check_modules(card.name, needed_modules(modules, card.model.format, own.values()), pins, own)
        _check_predictions(folder, predictor)
    tops = {module.partition(".")[0] for module in modules}
    # A recipe's modules may import one another; if its model needs none of them, none travels.
    code = {file.name: file for file in own.values()} if tops & own.keys() else {}
    return TrainedFolder(folder, card, pins, code)


def _card(folder: Path) -> Card:
    if not (folder / CARD_FILE).is_file():
        raise PackagingError(
            ErrorReason.FileMissing,
            f"{folder} has no {CARD_FILE}, so it is no trained folder. Describe the model with `e2i package --model … "
            "--data …`, or train it with `e2i pipeline`.",
        )
    try:
        return read_card(folder)
    except (ValidationError, ValueError) as error:
        first = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
        raise PackagingError(
            ErrorReason.CardUnreadable,
            f"{folder / CARD_FILE} is no card ({what}). Describe or train the model again.",
        ) from error


def _check_file(folder: Path, card: Card) -> None:
    file = folder / card.model.name
    if Path(card.model.name).name != card.model.name or not file.is_file():
        raise PackagingError(
            ErrorReason.ModelDamaged,
            f"{folder} has no file {card.model.name}, which its card names. Train the model again.",
        )
    found = file_digest(file)
    if found != card.model.digest:
        raise PackagingError(
            ErrorReason.ModelDamaged,
            f"{file} is {found[:19]}…, and its card says {card.model.digest[:19]}…: it was changed or copied "
            "incompletely. Copy it again, or train again.",
        )


def _check_predictions(folder: Path, predictor: Predictor) -> None:
    """Ask the model as the service will: PackagingError unless it answers golden inputs as recorded and background rows
    with finite numbers."""
    card = predictor.card
    golden = [golden.input for golden in card.golden]
    check_finite(golden, [golden.output for golden in card.golden], range(len(golden)))
    check_golden_contract(card)
    differences = check_golden(predictor)
    try:
        if not differences:
            predictor.answers(predictor.background)
    except NotFinite as error:
        raise PackagingError(
            ErrorReason.OutputNotFinite,
            f"{card.name} answers {folder / BACKGROUND_FILE} with a number that is none, {error}. The input is "
            f"{json.dumps(predictor.background[error.row])[:300]}.",
        ) from error
    if differences:
        raise PackagingError(
            ErrorReason.PreprocessingDiffers,
            f"{card.name} does not answer as it did when it was trained: {'; '.join(differences)[:600]}. "
            "The preprocessing or the packages are others than in training: package it there, or train again.",
        )
