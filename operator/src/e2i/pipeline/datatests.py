"""Tests that the training data of every project must pass. A table in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e2i.pipeline.project import Project
from e2i.pipeline.rows import literal

FEWEST_ROWS = 50
FEWEST_OF_A_LABEL = 5
MOST_LABELS = 50
EMPTY = 0.9
"""Share of missing values above which a column is refused."""


def find_problems(frame: Any, features: list[str], project: Project) -> list[str]:
    """Return one sentence for each problem, with column, value and next step."""
    return [*_rows(frame), *_columns(frame, features), *_target(frame, project), *_treatment(frame, project)]


def _rows(frame: Any) -> Iterator[str]:
    if len(frame) < FEWEST_ROWS:
        yield f"There are {len(frame)} rows, and {FEWEST_ROWS} are the fewest to learn from. Get more data."


def _columns(frame: Any, features: list[str]) -> Iterator[str]:
    for name in features:
        missing = float(frame[name].isna().mean())
        if missing > EMPTY:
            yield f"{name} is missing in {missing:.0%} of the rows. Leave it out of features, or correct the data."
        elif frame[name].nunique(dropna=False) < 2:
            value = frame[name].iloc[0]
            yield f"{name} is {literal(value)} in every row: nothing can be learned from it. Leave it out of features."


def _target(frame: Any, project: Project) -> Iterator[str]:
    target, name = frame[project.target], project.target
    if missing := int(target.isna().sum()):
        yield f"The target {name} is missing in {missing} rows. Leave these rows out."
        return
    if project.type == "Classification":
        yield from _labels(target, name)
    elif target.dtype.kind not in "biuf":
        yield f"The target {name} of a {project.type} is {literal(target.iloc[0])} in row 0, not a number. Correct it."
    elif target.astype(float).isin([float("inf"), float("-inf")]).any():
        yield f"The target {name} is infinite in some row. Correct the data."
    elif target.nunique() < 2:
        yield f"The target {name} is {literal(target.iloc[0])} in every row: there is nothing to predict."


def _labels(target: Any, name: str) -> Iterator[str]:
    counts = target.map(str).value_counts()
    if len(counts) > MOST_LABELS:
        yield f"The target {name} has {len(counts)} different values. Is the type Regression?"
    elif len(counts) < 2:
        yield f"The target {name} is {counts.index[0]!r} in every row: there is nothing to tell apart."
    elif counts.min() < FEWEST_OF_A_LABEL:
        yield (
            f"The target {name} is {counts.index[-1]!r} in {counts.min()} rows only, and {FEWEST_OF_A_LABEL} are the "
            "fewest. Get more such rows, or join labels."
        )


def _treatment(frame: Any, project: Project) -> Iterator[str]:
    if project.treatment is None:
        return
    treatment = frame[project.treatment]
    if treatment.isna().any():
        yield f"The treatment {project.treatment} is missing in some rows. Leave these rows out."
    elif treatment.nunique() < 2:
        yield (
            f"The treatment {project.treatment} is {literal(treatment.iloc[0])} in every row. An effect can "
            "be estimated only from rows with different treatments."
        )
