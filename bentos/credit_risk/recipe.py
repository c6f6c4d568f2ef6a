"""Will this loan be paid back? XGBoost on what a DictVectorizer makes of the applications, in one pipeline."""

from __future__ import annotations

from operator import methodcaller

import numpy as np
import pandas as pd
from data import default_probability
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBClassifier

FEATURES = [
    "seniority_years",
    "home",
    "job",
    "months",
    "age_years",
    "earlier_default",
    "income",
    "amount",
]
TARGET = "status"


def check(data: pd.DataFrame) -> None:
    """ValueError when the data cannot be a bank's loans."""
    if unknown := set(data[TARGET]) - {"default", "repaid"}:
        raise ValueError(
            f"{TARGET} must be default or repaid; found also {sorted(unknown)}: correct these rows"
        )


def train(data: pd.DataFrame) -> Pipeline:
    records = FunctionTransformer(methodcaller("to_dict", orient="records"))
    # Dense: of a sparse matrix XGBoost takes every zero, each category that does not apply, for a missing value.
    vectorizer = DictVectorizer(sparse=False)
    trees = XGBClassifier(
        n_estimators=150, max_depth=3, learning_rate=0.08, min_child_weight=10, random_state=0, n_jobs=1
    )
    # XGBoost wants classes 0 and 1; the vote, of one, keeps their names. The booster gets an array, which has no names
    # of columns to check: it agrees with the vectorizer on their order because both are trained and saved in one piece.
    named = VotingClassifier([("trees", trees)], voting="soft")
    return make_pipeline(records, vectorizer, named).fit(data[FEATURES], data[TARGET])


def evaluate(model: Pipeline, data: pd.DataFrame) -> dict[str, float]:
    """How far the predicted probabilities of a default are from the true ones, on average."""
    predicted = model.predict_proba(data[FEATURES])[:, list(model.classes_).index("default")]
    return {"error_to_truth": float(np.abs(predicted - default_probability(data)).mean())}
