"""Chooses golden predictions: few inputs, as different as the data allows. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i_bento.card import Row

MAX_GOLDEN = 8
SAMPLE_ROWS = 2000
"""Rows that are asked before a model is believed."""
BACKGROUND_ROWS = 100


def evenly_spaced(total: int, count: int) -> list[int]:
    """Return `count` positions evenly over `total`, with the first and the last; all if there are fewer.

    spread(10, 4) -> [0, 3, 6, 9]
    """
    if total <= count:
        return list(range(total))
    return sorted({position * (total - 1) // (count - 1) for position in range(count)})


def score(answer: Mapping[str, Any]) -> float:
    """Return the one number by which answers are ordered: value, effect, or probability of the first label."""
    for field in ("value", "effect"):
        if field in answer:
            return float(answer[field])
    return float(next(iter(answer["probabilities"].values())))


def choose_golden(
    rows: Sequence[Row], answers: Sequence[Mapping[str, Any]], count: int = MAX_GOLDEN
) -> list[int]:
    """Return the positions of at most `count` different inputs: one for each label, one with each missing value, then
    over
    the whole range of answers from the lowest to the highest."""
    order = sorted(range(len(rows)), key=lambda position: (score(answers[position]), position))
    first_of_label = {answers[position].get("label"): position for position in reversed(order)}
    first_without = {
        name: position
        for position in reversed(order)
        for name, value in rows[position].items()
        if value is None
    }
    wanted = [
        *(first_of_label[label] for label in sorted(first_of_label, key=str)),
        *(order[:1] + order[-1:]),
        *(first_without[name] for name in sorted(first_without)[: count // 2]),
        *(order[place] for place in evenly_spaced(len(order), count)),
        *order,
    ]
    chosen: dict[str, int] = {}
    for position in wanted:
        chosen.setdefault(json.dumps(rows[position], sort_keys=True), position)
        if len(chosen) == count:
            break
    return sorted(chosen.values(), key=lambda position: score(answers[position]))


def check_finite(rows: Sequence[Row], answers: Sequence[Mapping[str, Any]], positions: Sequence[int]) -> None:
    """Raise PackagingError with the row of the data and the field when an answer holds a number that is not finite."""
    for row, answer, position in zip(rows, answers, positions, strict=True):
        field = first_not_finite(answer)
        if field:
            raise PackagingError(
                ErrorReason.OutputNotFinite,
                f"The model answers row {position} of the data (counted from 0) with {field}. The input is "
                f"{json.dumps(row)[:300]}. Correct the preprocessing (logarithms, divisions, missing values) and train "
                "again.",
            )


def first_not_finite(answer: Mapping[str, Any], place: str = "") -> str:
    """Return where a number is not finite and which it is: "probabilities.leaves = nan"; empty when all are."""
    for name, value in answer.items():
        if isinstance(value, Mapping):
            if found := first_not_finite(value, f"{place}{name}."):
                return found
        elif isinstance(value, float) and not math.isfinite(value):
            return f"{place}{name} = {value}"
    return ""
