"""Which share of its seats will this team use after 90 days? A random forest with its preprocessing in one pipeline."""

from __future__ import annotations

import numpy as np
import pandas as pd
from data import expected_share
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

FEATURES = ["seats", "training_hours", "support_tickets", "champion", "tier"]
TARGET = "adoption"


def check(data: pd.DataFrame) -> None:
    """ValueError when a share is not one."""
    wrong = ~data[TARGET].between(0, 1)
    if wrong.any():
        row = data.index[wrong][0]
        raise ValueError(
            f"{TARGET} is {data.at[row, TARGET]} in row {row}, a share is from 0 to 1: correct the row"
        )


def train(data: pd.DataFrame) -> Pipeline:
    preprocessing = make_column_transformer((OneHotEncoder(), ["tier"]), remainder="passthrough")
    # A forest answers with means of what it has seen, so that no share can come out below 0 or above 1.
    forest = RandomForestRegressor(n_estimators=100, min_samples_leaf=20, random_state=0, n_jobs=1)
    # What a large team did says more than what a small one did.
    return make_pipeline(preprocessing, forest).fit(
        data[FEATURES], data[TARGET], randomforestregressor__sample_weight=data["seats"]
    )


def evaluate(model: Pipeline, data: pd.DataFrame) -> dict[str, float]:
    """How far the predicted shares are from the expected ones, on average."""
    return {"error_to_truth": float(np.abs(model.predict(data[FEATURES]) - expected_share(data)).mean())}
