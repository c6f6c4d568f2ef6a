"""Computes the contributions of the features to one prediction, by Shapley values. The only module that imports shap.

The explainer never sees the values: it works on the numbers of the rows that they come from. Row 0 is the one to
explain, the others are the background; an entry k in column j means "feature j as row k has it". That way text,
missing values and numbers are explained alike, each feature by itself, whatever the model makes of it inside.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

Columns = dict[str, np.ndarray[Any, Any]]
ROWS_PREDICTED = 20_000
"""About how many rows the model may have to predict for one explanation."""
EXACT_FEATURES = 10
PERMUTATIONS = 10


class ExplanationUnavailable(Exception):
    """There is nothing to explain with; says what is missing."""


def explanation(columns: Columns, predict: Callable[[Columns], np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Return `value`, `base_value` and `contributions` of the first row.

    Each column has the values of a feature, shape (1 + background rows,); `predict` takes columns of any length and
    returns one number for each row. The same input gives the same answer. Raises ExplanationUnavailable.
    """
    rows = len(next(iter(columns.values())))
    if rows < 2:
        raise ExplanationUnavailable(
            "the model has no background rows to explain against; package it again with its data"
        )
    shap = load_shap()
    background = spread_rows(rows - 1, len(columns))
    masker = shap.maskers.Independent(
        np.tile(background[:, None], (1, len(columns))), max_samples=len(background)
    )

    def predicted(sources: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        taken = sources.astype(np.int64)
        return predict(
            {name: column[taken[:, place]] for place, (name, column) in enumerate(columns.items())}
        )

    found = _explainer(shap, predicted, masker, len(columns))(np.zeros((1, len(columns)), dtype=np.int64))
    contributions = {name: float(share) for name, share in zip(columns, found.values[0], strict=True)}
    base = float(np.ravel(found.base_values)[0])
    value = float(predict({name: column[:1] for name, column in columns.items()})[0])
    return {"value": value, "base_value": base, "contributions": contributions}


def load_shap() -> Any:
    """Imports shap, which takes seconds the first time; raises ExplanationUnavailable when the bento has none."""
    try:
        config: Any = importlib.import_module("numba.core.config")
        compiling = config.DISABLE_JIT
        # What shap would compile takes 8 s and 110 MB at the first explanation and saves a few milliseconds in each:
        # the time goes into the model's predictions. Others who compile are asked before or after, not meanwhile.
        config.DISABLE_JIT = True
        try:
            return importlib.import_module("shap")
        finally:
            config.DISABLE_JIT = compiling
    except ImportError as error:
        raise ExplanationUnavailable(
            f"explanations need the package shap, which cannot be imported ({error}); "
            "add shap to the model's requirements and package it again"
        ) from error


def spread_rows(rows: int, features: int) -> np.ndarray[Any, Any]:
    """Which of the background rows 1..rows to use, evenly spread, so that ROWS_PREDICTED is kept to."""
    most = max(1, ROWS_PREDICTED // evaluation_count(features))
    return np.unique(np.linspace(1, rows, min(rows, most)).round().astype(np.int64))


def evaluation_count(features: int) -> int:
    """Return how many mixtures of the row and a background row are predicted: all of them for few features, else a
    sample."""
    return 2**features if features <= EXACT_FEATURES else PERMUTATIONS * (2 * features + 1)


def _explainer(shap: Any, predicted: Callable[..., Any], masker: Any, features: int) -> Any:
    if features <= EXACT_FEATURES:
        return shap.explainers.Exact(predicted, masker)
    permutation = shap.explainers.Permutation(predicted, masker, seed=0)
    return lambda rows: permutation(rows, max_evals=evaluation_count(features), silent=True)
