"""Turns rows of JSON into the model's input: a DataFrame, a list of dicts or a matrix.

A missing value is NaN in a DataFrame and in a matrix, and None in a list of dicts. A missing text in a DataFrame is
what it was in training (`missing` of the feature).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e2i_bento.card import Card, Feature, Row, Value

Column = np.ndarray[Any, Any]


def table_from_rows(card: Card, rows: Sequence[Row]) -> Any:
    """Return the model's input for these rows, as the card's `rows_as` says; columns in the order of the features."""
    return table_from_columns(card, columns_from_rows(card, rows))


def columns_from_rows(card: Card, rows: Sequence[Row]) -> dict[str, Column]:
    """Return the values of each feature, shape (rows,)."""
    make = _as_given if card.rows_as == "records" else _as_pandas_reads
    return {feature.name: make(feature, [row[feature.name] for row in rows]) for feature in card.features}


def table_from_columns(card: Card, columns: Mapping[str, Column]) -> Any:
    """Return the table that has these columns."""
    if card.rows_as == "frame":
        # A second to import, which models that take no frame need not pay.
        import pandas

        return pandas.DataFrame(dict(columns))
    if card.rows_as == "matrix":
        return np.column_stack([column.astype(np.float64) for column in columns.values()])
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in values]


def _as_given(_: Feature, values: Sequence[Value]) -> Column:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _as_pandas_reads(feature: Feature, values: Sequence[Value]) -> Column:
    """Return the column with the type that pandas gives such values when it reads a file: int64, float64, bool or
    object."""
    missing = None in values
    if missing and feature.missing == "none" and feature.kind in ("category", "text", "boolean"):
        return _as_given(feature, values)
    known = [np.nan if value is None else value for value in values]
    if feature.kind == "number" or (feature.kind == "integer" and missing):
        return np.array(known, dtype=np.float64)
    if feature.kind == "integer":
        return np.array(known, dtype=np.int64)
    if feature.kind == "boolean" and not missing:
        return np.array(known, dtype=np.bool_)
    return _as_given(feature, known)
