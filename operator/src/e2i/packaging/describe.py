"""Writes the trained folder of a fitted model and its data: model, card, background, requirements, code.

Training calls it, and `e2i package --model --data` for a model that is there already. What it records is what the
model itself says, so that every later copy can be held to it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.markers import default_environment

from e2i.packaging.contract_check import keep_valid
from e2i.packaging.csv_types import (
    ChangedValue,
    check_by_asking,
    check_learned_texts,
    check_target_texts,
    read_texts,
)
from e2i.packaging.data import file_digest
from e2i.packaging.dependency_check import CODE, REQUIREMENTS, check_late_imports, check_modules, check_pins
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.golden import BACKGROUND_ROWS, choose_golden, evenly_spaced
from e2i.packaging.inference import OriginalModel, check_routines, find_row_format
from e2i.packaging.installed import version_of
from e2i.packaging.lineage import model_modules, training_lineage
from e2i.packaging.model_declaration import (
    ModelDeclaration,
    check_target,
    describe_features,
    find_decisions,
    find_labels,
)
from e2i.packaging.modelfile import JOBLIB_FILE, LoadedModel, combine, save_model
from e2i.packaging.names import check_name
from e2i.packaging.overlap_fit import describe_causal
from e2i.packaging.pins import Pin, parse_pins
from e2i.packaging.sanity_checks import Sample, check_quality, predict_sample
from e2i.packaging.table_check import check_tables
from e2i.packaging.text_files import read_text
from e2i_bento.card import (
    BACKGROUND_FILE,
    CARD_FILE,
    Card,
    Feature,
    Golden,
    Lineage,
    ModelFile,
    Row,
    read_card,
    write_card,
)

if TYPE_CHECKING:
    from pandas import DataFrame


def describe(
    model: Any,
    data: DataFrame,
    *,
    out: Path,
    requirements: Path,
    metrics: Mapping[str, float] | None = None,
    preprocessing: Any = None,
    say: Callable[[str], None] = lambda _: None,
    **declared: Any,
) -> Card:
    """Write the trained folder `out` and return its card; `declared` are the fields of ModelDeclaration.

    `model` (a fitted model, or a LoadedModel) answers `data`: a row for each input, a column for each feature and the
    target. Described again without a change, the folder stays as it is. PackagingError says what does not fit; then
    `out` is as it was.
    """
    declaration = ModelDeclaration(**declared)
    check_name(declaration.name)
    data = data.reset_index(drop=True)
    loaded = model if isinstance(model, LoadedModel) else LoadedModel(model, frozenset())
    if preprocessing is not None:
        loaded = LoadedModel(combine(preprocessing, loaded.model), frozenset())
    check_routines(loaded.model, declaration.kind)
    pins = read_pins(requirements)
    features = describe_features(declaration, data, loaded.model)
    check_target(declaration, data)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        copy_code(declaration.code, partial)
        # In UTF-8, whatever encoding it came in.
        (partial / REQUIREMENTS).write_text(read_text(requirements))
        stored = _store_model(loaded, partial)
        card = _card(declaration, data, features, stored, pins, metrics or {}, partial, say)
        return _replace(out, partial, card)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_pins(requirements: Path) -> tuple[Pin, ...]:
    """Return the pins of a requirements.txt that hold for this Python on this machine."""
    if not requirements.is_file():
        raise PackagingError(
            ErrorReason.FileMissing,
            f"There is no {requirements}. Name there with == what the model needs to be loaded, for instance "
            f"scikit-learn=={version_of('scikit-learn') or '1.9.1'}.",
        )
    environment = {key: str(value) for key, value in default_environment().items()}
    return parse_pins(read_text(requirements), requirements.name, environment)


def copy_code(files: Sequence[Path], folder: Path) -> None:
    """Put the modules that a model's classes are in into `folder`/code."""
    for file in files:
        if not file.is_file() or file.suffix != ".py":
            raise PackagingError(
                ErrorReason.FileMissing,
                f"{file} is no Python file. Name the .py files that the model's classes are in.",
            )
        (folder / CODE).mkdir(exist_ok=True)
        shutil.copyfile(file, folder / CODE / file.name)


def _store_model(loaded: LoadedModel, folder: Path) -> tuple[LoadedModel, str]:
    """Put the model into the folder; return it and the name of its file there."""
    if loaded.file is None:
        return LoadedModel(loaded.model, save_model(loaded.model, folder / JOBLIB_FILE)), JOBLIB_FILE
    stored = JOBLIB_FILE if loaded.format == "joblib" else f"model{loaded.file.suffix.lower()}"
    shutil.copyfile(loaded.file, folder / stored)
    return loaded, stored


def _card(
    declaration: ModelDeclaration,
    data: DataFrame,
    features: tuple[Feature, ...],
    stored: tuple[LoadedModel, str],
    pins: Sequence[Pin],
    metrics: Mapping[str, float],
    folder: Path,
    say: Callable[[str], None],
) -> Card:
    loaded, file = stored
    lineage = _checked_lineage(declaration, data, loaded, pins)
    inputs = data[[feature.name for feature in features]]
    doubtful = _doubtful_cells(declaration, loaded.model, data, list(inputs.columns))
    original = _original(declaration, loaded.model, data)
    row_format = find_row_format(original, inputs, declaration.rows_as)
    check_by_asking(doubtful, original, inputs, row_format)
    sample = predict_sample(original, inputs, row_format)
    check_late_imports(declaration.name, declaration.code, pins)
    measured = check_quality(declaration, original, data, row_format, sample, say)
    (folder / BACKGROUND_FILE).write_text(_background(sample.rows))
    causal = describe_causal(declaration, data, features, say)
    chosen = _golden_positions(declaration, original.labels, sample, say)
    card = Card(
        name=declaration.name,
        type=declaration.kind,
        description=declaration.description,
        model=ModelFile(name=file, digest=file_digest(folder / file), format=loaded.format),
        # A Booster takes a matrix of numbers; its names are those of the card.
        rows_as="matrix" if loaded.format == "xgboost" else row_format,
        features=features,
        labels=original.labels,
        decisions=original.decisions,
        causal=causal,
        golden=tuple(Golden(input=sample.rows[i], output=sample.answers[i]) for i in chosen),
        metrics={name: float(value) for name, value in sorted((metrics or measured).items())},
        lineage=lineage,
    )
    check_tables(card, original, sample.table.iloc[chosen])
    return card


def _original(declaration: ModelDeclaration, model: Any, data: DataFrame) -> OriginalModel:
    labels = find_labels(declaration, model, data)
    decisions = find_decisions(declaration, labels)
    return OriginalModel(model, declaration.kind, labels, decisions, declaration.confidence)


def _checked_lineage(
    declaration: ModelDeclaration, data: DataFrame, loaded: LoadedModel, pins: Sequence[Pin]
) -> Lineage:
    """Return what the model was made of; PackagingError if the pins lack what it needs to be loaded.
    Cheap, so before the model is asked anything."""
    lineage = training_lineage(declaration, data, loaded)
    check_pins(declaration.name, lineage.packages, pins)
    check_modules(
        declaration.name, model_modules(declaration, loaded), pins, (file.stem for file in declaration.code)
    )
    return lineage


def _doubtful_cells(
    declaration: ModelDeclaration, model: Any, data: DataFrame, columns: list[str]
) -> dict[str, list[ChangedValue]]:
    """Return the cells of the CSV whose text the model may have been trained on; PackagingError if it surely was."""
    if declaration.csv is None:
        return {}
    texts, target = read_texts(declaration.csv), declaration.target
    check_target_texts(texts[target], data[target], getattr(model, "classes_", ()))
    return check_learned_texts(texts, data, model, columns)


def _golden_positions(
    declaration: ModelDeclaration, labels: Sequence[str], sample: Sample, say: Callable[[str], None]
) -> list[int]:
    """Choose the golden predictions among the answers that the operator will accept."""
    valid = keep_valid(declaration.name, declaration.kind, labels, sample.answers)
    if left_out := len(sample.answers) - len(valid):
        say(
            f"{left_out} of {len(sample.answers)} answers break the contract of a {declaration.kind} model, for "
            "instance an effect outside of its own interval: none of them becomes a golden prediction"
        )
    rows, answers = [sample.rows[each] for each in valid], [sample.answers[each] for each in valid]
    return [valid[position] for position in choose_golden(rows, answers)]


def _background(rows: Sequence[Row]) -> str:
    return (
        json.dumps([rows[position] for position in evenly_spaced(len(rows), BACKGROUND_ROWS)], indent=0)
        + "\n"
    )


def _replace(out: Path, partial: Path, card: Card) -> Card:
    """Put the new folder in the place of the old one; returns the old card when only the time has changed."""
    write_card(card, partial)
    if (out / CARD_FILE).is_file():
        before = read_card(out)
        lineage = card.lineage.model_copy(update={"trained_at": before.lineage.trained_at})
        if card.model_copy(update={"lineage": lineage}) == before:
            write_card(before, partial)
            card = before
        for lock in out.glob("*.lock"):
            shutil.copyfile(lock, partial / lock.name)
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return card
