"""Reads from a fitted model which categories it learned for each column of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_NUMERIC = (
    "StandardScaler",
    "MinMaxScaler",
    "RobustScaler",
    "MaxAbsScaler",
    "KBinsDiscretizer",
    "PolynomialFeatures",
)


def known_categories(model: Any, columns: Sequence[str]) -> dict[str, frozenset[Any]]:
    """Return what the encoders and scalers of `model` learned; columns that none of them has seen are left out.

    {"country": frozenset({"DE", "NA"}), "amount": frozenset()}: amount is known to be a number.
    """
    if isinstance(getattr(model, "steps", None), list):
        return _of_steps([step for _, step in model.steps], columns)
    if hasattr(model, "transformers_"):
        found: dict[str, frozenset[Any]] = {}
        for _, transformer, chosen in model.transformers_:
            found |= known_categories(transformer, chosen_names(chosen, columns))
        return found
    if isinstance(getattr(model, "transformer_list", None), list):
        return {
            name: values
            for _, part in model.transformer_list
            for name, values in known_categories(part, columns).items()
        }
    if hasattr(model, "vocabulary_") and hasattr(model, "separator"):
        return _of_vectorizer(model)
    return _of_encoder(model, columns)


def _of_steps(steps: Sequence[Any], columns: Sequence[str]) -> dict[str, frozenset[Any]]:
    """Return what the first step that encodes has learned; steps before it must keep the columns, as an imputer
    does."""
    for step in steps:
        if found := known_categories(step, columns):
            return found
        if step is not None and step != "passthrough" and not hasattr(step, "statistics_"):
            return {}
    return {}


def _of_vectorizer(model: Any) -> dict[str, frozenset[Any]]:
    """Return what a DictVectorizer learned: a text is its feature `column=text`, a number its feature `column`."""
    found: dict[str, set[Any]] = {}
    for feature in model.vocabulary_:
        name, separator, value = str(feature).partition(model.separator)
        found.setdefault(name, set()).update([value] if separator else [])
    return {name: frozenset(values) for name, values in found.items()}


def _of_encoder(model: Any, columns: Sequence[str]) -> dict[str, frozenset[Any]]:
    categories = getattr(model, "categories_", None)
    if categories is not None and len(categories) == len(columns):
        return {name: frozenset(list(values)) for name, values in zip(columns, categories, strict=True)}
    if type(model).__name__ in _NUMERIC:
        return dict.fromkeys(columns, frozenset())
    return {}


def chosen_names(chosen: Any, columns: Sequence[str]) -> list[str]:
    """Return the columns that a ColumnTransformer gives to one of its parts: by name, place, slice or mask."""
    if isinstance(chosen, (str, int)):
        chosen = [chosen]
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            return []
        return list(columns)[chosen]
    items = list(chosen)
    if items and all(isinstance(item, bool) or type(item).__name__ == "bool_" for item in items):
        return [name for name, taken in zip(columns, items, strict=True) if taken]
    return [columns[int(item)] if not isinstance(item, str) else item for item in items]
