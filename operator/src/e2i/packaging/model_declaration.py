"""Checks what a person declares about a model against the data and the model itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.fitted_names import fitted_names
from e2i.packaging.inference import RowFormat
from e2i.packaging.schema import choose_columns, infer_feature, listed
from e2i.packaging.text_columns import text_columns
from e2i_bento.card import Causal, Decisions, Feature, Kind

if TYPE_CHECKING:
    from pandas import DataFrame

Declared = Mapping[str, Mapping[str, Any]] | Sequence[str] | None


@dataclass(frozen=True)
class ModelDeclaration:
    """Facts about a model that a person declares.

    `source` is where the data came from, a file if there is one; `code` are the files that trained it;
    `labels` are the words for the model's classes, in their order, when it was trained on numbers; `predictions` is
    the column of the data with the answers of the model in training; `accept_guessing` takes a model that is no better
    than saying always the same.
    """

    name: str
    kind: Kind
    target: str
    treatment: str | None = None
    features: Declared = None
    labels: Sequence[str] = ()
    description: str = ""
    decisions: Decisions | Mapping[str, Any] | None = None
    confidence: float = 0.9
    synthetic: bool = False
    source: Path | str = ""
    code: Sequence[Path] = ()
    registry: str = ""
    rows_as: RowFormat | None = None
    predictions: str | None = None
    accept_guessing: bool = False
    csv: Path | None = None
    """The file that the data was read from, row for row, if it is a CSV: a format without types."""


def describe_features(declaration: ModelDeclaration, data: DataFrame, model: Any) -> tuple[Feature, ...]:
    """Return the features of the data, checked against what was declared and what the model was fitted with."""
    fitted = fitted_names(model)
    if data.empty:
        raise PackagingError(
            ErrorReason.DataEmpty, "The data has no rows. Give the data that the model was trained on."
        )
    columns = [str(column) for column in data.columns]
    named = {declaration.treatment: "treatment", declaration.predictions: "column of predictions"}
    roles = {declaration.target: "target"} | {column: role for column, role in named.items() if column}
    for column, role in roles.items():
        if column not in columns:
            raise PackagingError(
                ErrorReason.ColumnMissing,
                f"The data has no column {column}, the {role}; it has {listed(columns, near=column)}.",
            )
    declared = declaration.features if isinstance(declaration.features, Mapping) else {}
    given = list(declaration.features) if declaration.features else None
    chosen = choose_columns(columns, given, fitted, roles)
    texts = {name for name in text_columns(model, fitted or chosen) if data[name].dtype.kind not in "iufb"}
    return tuple(
        infer_feature(name, data[name], _as_text(declared.get(name) or {}, name in texts)) for name in chosen
    )


def _as_text(declared: Mapping[str, Any], reads_words: bool) -> Mapping[str, Any]:
    """Add that a feature is free text, unless a person declares categories."""
    return {"kind": "text", **declared} if reads_words and "categories" not in declared else declared


def check_target(declaration: ModelDeclaration, data: DataFrame) -> None:
    """Raise PackagingError unless the target is of numbers, where numbers are predicted."""
    if declaration.kind != "Classification" and data[declaration.target].dtype.kind not in "iuf":
        example = data[declaration.target].dropna().astype(str).iloc[0]
        raise PackagingError(
            ErrorReason.ColumnUnusable,
            f"The target {declaration.target} holds {example!r} and the like. A {declaration.kind} predicts numbers: "
            "name the column that the model was trained on, or the type Classification.",
        )


def label_by_class(declaration: ModelDeclaration, model: Any, labels: Sequence[str]) -> dict[str, str]:
    """Return the label for each class as the data may name it, in the model's own terms or in words."""
    if declaration.kind != "Classification":
        return {}
    return dict(zip((str(label) for label in model.classes_), labels, strict=True))


def find_labels(declaration: ModelDeclaration, model: Any, data: DataFrame) -> tuple[str, ...]:
    """Return the labels of a classifier, in the order of predict_proba's columns. PackagingError if data and model
    disagree."""
    if declaration.kind != "Classification":
        return ()
    classes = [str(label) for label in model.classes_]
    seen = sorted({str(value) for value in data[declaration.target].dropna().tolist()})
    if len(seen) < 2 or len(classes) < 2:
        raise PackagingError(
            ErrorReason.SingleLabel,
            f"The column {declaration.target} has only the label {seen[0] if seen else 'none'}: nothing was learned. "
            "Give data with at least two labels.",
        )
    labels = [str(label) for label in declaration.labels] or classes
    if len(labels) != len(classes):
        raise PackagingError(
            ErrorReason.LabelsDiffer,
            f"{len(labels)} labels are given ({', '.join(labels)}), and the model has {len(classes)} classes "
            f"({', '.join(classes)}). Give one word for each, in this order.",
        )
    unknown = [label for label in seen if label not in {*labels, *classes}]
    if unknown:
        raise PackagingError(
            ErrorReason.LabelsDiffer,
            f"The column {declaration.target} has the label {unknown[0]!r}, and the model knows {', '.join(classes)}. "
            "Name the column that it was trained on, or give with --labels the words for its classes, in their order.",
        )
    return tuple(labels)


def find_decisions(declaration: ModelDeclaration, labels: Sequence[str]) -> Decisions | None:
    """Return the decisions; PackagingError if their label or their bounds cannot be meant."""
    if declaration.decisions is None:
        return None
    try:
        decisions = Decisions.model_validate(declaration.decisions)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PackagingError(
            ErrorReason.DeclarationContradicted,
            f"The decisions are wrong at {place}: {first['msg']}. Correct them.",
        ) from None
    bounds = [band.below for band in decisions.bands]
    if decisions.label not in labels or not bounds or bounds != sorted(set(bounds)) or bounds[-1] <= 1:
        raise PackagingError(
            ErrorReason.DeclarationContradicted,
            f"Decisions are by the probability of {decisions.label!r} below {bounds}; the label must be one of "
            f"{', '.join(labels) or 'none, for only a Classification has labels'}, the bounds must rise, and the last "
            "one be above 1 (1.01).",
        )
    return decisions


def find_causal(declaration: ModelDeclaration) -> Causal | None:
    """Return treatment, outcome and confidence of a causal model, None of any other."""
    if declaration.kind != "Causal":
        return None
    if not declaration.treatment:
        raise PackagingError(
            ErrorReason.ColumnMissing,
            "A Causal model needs the name of the treatment's column: give it with --treatment.",
        )
    return Causal(
        treatment=declaration.treatment, outcome=declaration.target, confidence=declaration.confidence
    )
