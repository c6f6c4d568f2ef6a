"""Will this customer leave? The demo's customers and pipeline in the form of a project.

`e2i pipeline` trains it, on a table, and gives it versions by time; train.py makes the demo's 1.0.0 to 3.0.0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from data import CONTRACTS, LABELS, churn_probability, generate
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

FEATURES = ["tenure_months", "monthly_charge", "support_calls", "contract", "autopay"]
TARGET = "outcome"


def load() -> pd.DataFrame:
    """Synthetic customers, one row each, with what each of them did."""
    customers, labels = generate(count=6000, seed=1)
    return pd.DataFrame(customers).assign(outcome=labels)


def check(data: pd.DataFrame) -> None:
    """ValueError when the data cannot be the company's customers."""
    for column, known in ((TARGET, LABELS), ("contract", CONTRACTS)):
        if unknown := set(data[column]) - set(known):
            raise ValueError(
                f"{column} must be one of {', '.join(known)}; found also {sorted(map(str, unknown))}: "
                "correct these rows"
            )


def train(data: pd.DataFrame) -> Pipeline:
    preprocessing = make_column_transformer((OneHotEncoder(), ["contract"]), remainder="passthrough")
    # Calls to support matter more to those who are free to leave: only a product of the two can say that.
    pairs = PolynomialFeatures(degree=2, interaction_only=True, include_bias=False)
    model = LogisticRegression(C=0.1, max_iter=1000)
    return make_pipeline(preprocessing, StandardScaler(), pairs, model).fit(data[FEATURES], data[TARGET])


def evaluate(model: Pipeline, data: pd.DataFrame) -> dict[str, float]:
    """How far the predicted probabilities of leaving are from the true ones, on average."""
    predicted = model.predict_proba(data[FEATURES])[:, list(model.classes_).index("leaves")]
    truth = [churn_probability(customer) for customer in data[FEATURES].to_dict(orient="records")]
    return {"error_to_truth": float(np.abs(predicted - truth).mean())}
