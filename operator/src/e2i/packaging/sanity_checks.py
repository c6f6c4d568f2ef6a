"""Asks a model about its own data before it is believed: finite, as good as it must be, as training recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from e2i.packaging.baseline_check import check_recorded, check_worth, measure
from e2i.packaging.golden import SAMPLE, check_finite, spread
from e2i.packaging.inference import Answer, Asked, RowsAs, as_table, check_repeatable
from e2i.packaging.model_declaration import About, class_words
from e2i.packaging.schema import plain_rows
from e2i_bento.card import Row

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TWICE = 50
"""Rows that are asked twice, to see that the answers are the same."""


@dataclass(frozen=True)
class Sampled:
    """Rows spread over the data: as training had them, as JSON has them, and the model's answers, all finite."""

    table: DataFrame
    rows: list[Row]
    answers: list[Answer]


def ask_sample(asked: Asked, inputs: DataFrame, form: RowsAs) -> Sampled:
    """Refused when an answer is not finite; the index of `inputs` counts from 0."""
    positions = spread(len(inputs), SAMPLE)
    table = inputs.iloc[positions]
    rows = plain_rows(table)
    answers = asked.answers(as_table(table, form))
    check_finite(rows, answers, positions)
    few = list(range(min(TWICE, len(table))))
    check_repeatable(asked, as_table(table.iloc[few], form), asked.answers(as_table(table.iloc[few], form)))
    return Sampled(table, rows, answers)


def judge(
    about: About, asked: Asked, data: DataFrame, form: RowsAs, sampled: Sampled, say: Callable[[str], None]
) -> dict[str, float]:
    """Metrics on the data that the model was trained with; Refused when they say that something is wrong with it."""
    words = class_words(about, asked.model, asked.labels)
    if about.predictions:
        given = data[data[about.predictions].notna()]
        now = asked.answers(as_table(given[list(sampled.table.columns)], form)) if len(given) else []
        check_recorded(
            about.name, now, list(zip(given.index, known(given[about.predictions]), strict=True)), words
        )
        say(f"{len(now)} recorded predictions are given again")
    truths = known(data.loc[sampled.table.index, about.target])
    if not about.accept_guessing:
        say(check_worth(about.name, sampled.answers, truths, words))
    return measure(sampled.answers, truths, words)


def known(column: Series) -> Sequence[Any]:
    """The values, None for those that are missing."""
    values: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return values
