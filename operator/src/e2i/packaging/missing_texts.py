"""Finds how a missing text reached the model in training: as None or as NaN, which encoders and imputers tell apart.

A Parquet file and a query give None, a CSV gives NaN. A model may have been trained on the one, and its data saved as
the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from e2i.packaging.fitted_names import fitted_names
from e2i.packaging.known_categories import known_categories

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Missing = Literal["nan", "none"]


def missing_as(column: Series) -> Missing:
    """Return what stands for a missing value in this column."""
    missing = column[column.isna()].tolist()
    return "none" if missing and all(value is None for value in missing) else "nan"


def as_learned(data: DataFrame, estimators: Sequence[Any]) -> DataFrame:
    """Return `data` with None for NaN in the columns whose encoder learned None as a category, and NaN for None in
    those whose encoder learned its categories without it.

    `estimators` are the model and its preprocessing, as far as it is apart. What cannot be seen from them stays.
    """
    import numpy as np

    columns = [str(name) for name in data.columns]
    for estimator in estimators:
        if _imputes_none(estimator):
            continue
        learned = known_categories(estimator, fitted_names(estimator) or columns)
        for name, categories in learned.items():
            column = data[name] if name in columns else None
            # An empty set is a scaler's, which learned no categories: a column of numbers.
            if column is None or not categories or column.dtype != object:
                continue
            data = data.assign(**{name: column.where(column.notna(), None if None in categories else np.nan)})
    return data


def _imputes_none(estimator: Any) -> bool:
    """Return whether a step takes None, and not NaN, for a missing value."""
    try:
        parameters = estimator.get_params(deep=True)
    except Exception:
        # Not every model is an estimator of scikit-learn, and one that refuses says nothing about None.
        return False
    return any(
        name.rpartition("__")[2] == "missing_values" and value is None for name, value in parameters.items()
    )
