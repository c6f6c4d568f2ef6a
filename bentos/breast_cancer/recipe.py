"""Is this tumour malignant? A logistic regression on standardised measurements."""

from __future__ import annotations

import pandas as pd
from data import LABELS
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "diagnosis"


def check(data: pd.DataFrame) -> None:
    """ValueError for a diagnosis that is not one of the labels."""
    if unknown := set(data[TARGET]) - set(LABELS):
        raise ValueError(
            f"{TARGET} must be one of {', '.join(LABELS)}; found also {sorted(map(str, unknown))}: correct these rows"
        )


def train(data: pd.DataFrame) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(data.drop(columns=TARGET), data[TARGET])
