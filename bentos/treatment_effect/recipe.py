"""By how many days of absence does the course change a year? Double machine learning: econml's LinearDML, as it is.

All features are numbers, so the estimator needs no preprocessing before it and no class around it.
"""

from __future__ import annotations

import pandas as pd
from data import naive_effect
from econml.dml import LinearDML
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = ["age_years", "years_employed", "absent_last_year", "commute_km"]
TREATMENT = "course"
TARGET = "absent"
FEWEST = 0.1


def check(data: pd.DataFrame) -> None:
    """ValueError when the two groups cannot be compared."""
    share = data[TREATMENT].mean()
    if not FEWEST <= share <= 1 - FEWEST:
        raise ValueError(
            f"{share:.0%} took the {TREATMENT}; with fewer than {FEWEST:.0%} in one of the two groups the effect is a "
            "guess: collect more"
        )


def train(data: pd.DataFrame) -> LinearDML:
    # What made somebody take the course, and how often such a person is absent, is learned first and taken out of both;
    # the effect is what is left. Without the first model the course would be blamed for whom it was given to.
    who_takes_it = make_pipeline(StandardScaler(), LogisticRegression())
    estimator = LinearDML(
        model_y=LinearRegression(), model_t=who_takes_it, discrete_treatment=True, cv=3, random_state=0
    )
    return estimator.fit(data[TARGET], data[TREATMENT], X=data[FEATURES])


def evaluate(model: LinearDML, data: pd.DataFrame) -> dict[str, float]:
    """What comparing the two groups as they are would have answered: beside `ate` in the report."""
    return {"naive_ate": naive_effect(data)}
