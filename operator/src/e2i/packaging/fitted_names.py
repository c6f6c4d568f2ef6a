"""The columns that a model was fitted with, as far as it remembers them. Pure."""

from __future__ import annotations

from typing import Any


def fitted_names(model: Any) -> list[str] | None:
    """Return the columns that the model was fitted with, if it was a DataFrame."""
    names = _attribute(model, "feature_names_in_")
    if names is None:
        # CatBoost has its own word for it. A pipeline asks its first step, and knows only scikit-learn's.
        names = _catboost_names(first_step(model))
    return None if names is None else [str(name) for name in names]


def first_step(model: Any) -> Any:
    """Return the first step of a pipeline, however deep; of anything else itself."""
    steps = getattr(model, "steps", None)
    return first_step(steps[0][1]) if isinstance(steps, list) and steps else model


def _catboost_names(model: Any) -> list[str] | None:
    """Return CatBoost's names of columns; an array has none, and CatBoost counts its columns instead."""
    if not type(model).__module__.startswith("catboost"):
        return None
    names = _attribute(model, "feature_names_")
    return None if not names or names == [str(place) for place in range(len(names))] else names


def _attribute(model: Any, name: str) -> Any:
    try:
        return getattr(model, name)
    except Exception:
        # A property of a model that is not fitted raises an error of its library's own.
        return None
