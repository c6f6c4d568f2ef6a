"""Will this visitor buy? A logistic regression with its preprocessing in one pipeline."""

from __future__ import annotations

import numpy as np
import pandas as pd
from data import purchase_probability
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["pages_viewed", "minutes_on_site", "basket_value"]
CATEGORIES = ["channel", "device"]
YES_OR_NO = ["returning"]
FEATURES = NUMBERS + CATEGORIES + YES_OR_NO
TARGET = "outcome"


def check(data: pd.DataFrame) -> None:
    """ValueError when the data cannot be what a shop records."""
    if unknown := set(data[TARGET]) - {"buys", "leaves"}:
        raise ValueError(f"{TARGET} must be buys or leaves; found also {sorted(unknown)}: correct these rows")
    if (data["pages_viewed"] < 1).any():
        row = data.index[data["pages_viewed"] < 1][0]
        raise ValueError(
            f"pages_viewed is below 1 in row {row}: every visit has seen a page; correct the row"
        )


def train(data: pd.DataFrame) -> Pipeline:
    # An empty basket has no value; that it is empty tells more than any value put in its place.
    numbers = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=0, add_indicator=True), StandardScaler()
    )
    preprocessing = make_column_transformer(
        (numbers, NUMBERS), (OneHotEncoder(), CATEGORIES), ("passthrough", YES_OR_NO)
    )
    return make_pipeline(preprocessing, LogisticRegression()).fit(data[FEATURES], data[TARGET])


def evaluate(model: Pipeline, data: pd.DataFrame) -> dict[str, float]:
    """How far the predicted probabilities are from the true ones, on average."""
    predicted = model.predict_proba(data[FEATURES])[:, list(model.classes_).index("buys")]
    return {"error_to_truth": float(np.abs(predicted - purchase_probability(data)).mean())}
