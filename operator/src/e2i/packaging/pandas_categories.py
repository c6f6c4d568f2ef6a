"""Recognises models that were trained on columns of pandas' type category, which no request can carry. Pure."""

from __future__ import annotations

from typing import Any


def advice_of_columns(model: Any) -> str:
    """Return what to do when a model cannot take the columns as a request brings them."""
    if takes_categories(model):
        return (
            "The model was trained on pandas' categories, and a request has texts: make them categories again, with "
            "those of the training, in a step before the model (docs/howto/package.md#pandas-categories)."
        )
    return (
        "Give the columns that it was trained on as features, and put its preprocessing (an encoder for columns of "
        "text, too) into the same pipeline or give it with --preprocessing."
    )


def takes_categories(model: Any) -> bool:
    """Return whether this is a model of LightGBM or XGBoost that learned pandas' categories."""
    try:
        if type(model).__module__.startswith("lightgbm"):
            return bool(model.booster_.pandas_categorical)
        if type(model).__module__.startswith("xgboost"):
            return "c" in (model.get_booster().feature_types or ())
    except Exception:
        # Each library raises errors of its own for a model that is not fitted: such a model has learned nothing.
        return False
    return False
