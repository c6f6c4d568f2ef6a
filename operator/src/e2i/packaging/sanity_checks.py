"""Checks a model on its own data: answers are finite, better than a baseline, and as training recorded them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from e2i.packaging.baseline_check import check_beats_baseline, check_recorded_predictions, training_metrics
from e2i.packaging.golden import SAMPLE_ROWS, check_finite, evenly_spaced
from e2i.packaging.inference import (
    Answer,
    OriginalModel,
    RowFormat,
    answers_in_training,
    as_table,
    check_repeatable,
)
from e2i.packaging.model_declaration import ModelDeclaration, label_by_class
from e2i.packaging.schema import json_rows
from e2i_bento.card import Row

if TYPE_CHECKING:
    from pandas import DataFrame, Series

REPEATED_ROWS = 50
"""Rows that are asked twice, to see that the answers are the same."""


@dataclass(frozen=True)
class Sample:
    """Rows spread over the data: as training had them, as JSON has them, and the model's answers, all finite."""

    table: DataFrame
    rows: list[Row]
    answers: list[Answer]


def predict_sample(original: OriginalModel, inputs: DataFrame, row_format: RowFormat) -> Sample:
    """Raise PackagingError if an answer is not finite; the index of `inputs` counts from 0."""
    positions = evenly_spaced(len(inputs), SAMPLE_ROWS)
    table = inputs.iloc[positions]
    rows = json_rows(table)
    answers = answers_in_training(original, table, row_format)
    check_finite(rows, answers, positions)
    few = list(range(min(REPEATED_ROWS, len(table))))
    check_repeatable(
        original,
        as_table(table.iloc[few], row_format),
        original.answers(as_table(table.iloc[few], row_format)),
    )
    return Sample(table, rows, answers)


def check_quality(
    declaration: ModelDeclaration,
    original: OriginalModel,
    data: DataFrame,
    row_format: RowFormat,
    sample: Sample,
    say: Callable[[str], None],
) -> dict[str, float]:
    """Metrics on the data that the model was trained with; PackagingError if they say that something is wrong with
    it."""
    labels = label_by_class(declaration, original.model, original.labels)
    if declaration.predictions:
        given = data[data[declaration.predictions].notna()]
        inputs = given[list(sample.table.columns)]
        now = answers_in_training(original, inputs, row_format) if len(given) else []
        check_recorded_predictions(
            declaration.name,
            now,
            list(zip(given.index, none_for_missing(given[declaration.predictions]), strict=True)),
            labels,
        )
        say(f"{len(now)} recorded predictions are given again")
    truths = none_for_missing(data.loc[sample.table.index, declaration.target])
    if not declaration.accept_guessing:
        say(check_beats_baseline(declaration.name, sample.answers, truths, labels))
    return training_metrics(sample.answers, truths, labels)


def none_for_missing(column: Series) -> Sequence[Any]:
    """Return the values, None for those that are missing."""
    values: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return values
