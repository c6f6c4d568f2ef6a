"""Whom does the discount make spend more? A causal forest: the effect on each customer, with an interval."""

from __future__ import annotations

import pandas as pd
from data import naive_effect
from econml.dml import CausalForestDML
from encoded_effect import EncodedEffect
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

FEATURES = ["age_years", "visits_last_month", "spend_last_month", "member", "region"]
TREATMENT = "discount"
TARGET = "spend"
FEWEST = 0.1


def check(data: pd.DataFrame) -> None:
    """ValueError when the two groups cannot be compared."""
    share = data[TREATMENT].mean()
    if not FEWEST <= share <= 1 - FEWEST:
        raise ValueError(
            f"{share:.0%} got the {TREATMENT}; with fewer than {FEWEST:.0%} in one of the two groups the effect is a "
            "guess: collect more"
        )


def train(data: pd.DataFrame) -> EncodedEffect:
    encoder = make_column_transformer((OneHotEncoder(), ["region"]), remainder="passthrough")
    rows = encoder.fit_transform(data[FEATURES])
    # One core: a served model answers one row at a time, and its pod has no more.
    forest = CausalForestDML(
        model_y=LinearRegression(),
        model_t=make_pipeline(StandardScaler(), LogisticRegression()),
        discrete_treatment=True,
        n_estimators=200,
        min_samples_leaf=20,
        cv=3,
        random_state=0,
        n_jobs=1,
    )
    forest.fit(data[TARGET].to_numpy(), data[TREATMENT].to_numpy(), X=rows)
    return EncodedEffect(encoder, forest)


def evaluate(model: EncodedEffect, data: pd.DataFrame) -> dict[str, float]:
    """What comparing the two groups as they are would have answered: beside `ate` in the report."""
    return {"naive_ate": naive_effect(data)}
