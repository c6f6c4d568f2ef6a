"""Train the churn pipelines and save them in the BentoML model store.

Three versions answer differently on purpose: 1.0.0 adds up the effects of the features, 2.0.0 also learns what
two features do together, and 3.0.0 is a mistake as it happens: it learned from labels that were swapped on the way,
and is as sure of itself as the others. `GOLDEN` is a customer on whom the first two disagree; the truth (see data.py)
says 29 %.
"""

from __future__ import annotations

import bentoml
from data import churn_probability, generate
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

MODEL = "churn_pipeline"
VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
SWAPPED = {"leaves": "stays", "stays": "leaves"}
GOLDEN = {
    "tenure_months": 3,
    "monthly_charge": 95.0,
    "support_calls": 8,
    "contract": "two_year",
    "autopay": False,
}


def build_pipeline(version: str) -> Pipeline:
    """An untrained pipeline from customers as dictionaries to labels."""
    preprocessing = (DictVectorizer(sparse=False), StandardScaler())
    if version == "1.0.0":
        return make_pipeline(*preprocessing, LogisticRegression())
    pairs = PolynomialFeatures(degree=2, interaction_only=True, include_bias=False)
    return make_pipeline(*preprocessing, pairs, LogisticRegression(C=0.1, max_iter=1000))


def fit(version: str) -> Pipeline:
    """The trained pipeline; the same version gives the same predictions every time."""
    customers, labels = generate(count=4000, seed=1)
    if version == "3.0.0":
        labels = [SWAPPED[label] for label in labels]
    return build_pipeline(version).fit(customers, labels)


def error_to_truth(pipeline: Pipeline) -> float:
    """Mean absolute difference between predicted and true probability of leaving, on unseen customers."""
    customers, _ = generate(count=2000, seed=2)
    leaves = list(pipeline.classes_).index("leaves")
    predicted = pipeline.predict_proba(customers)[:, leaves]
    differences = (
        abs(p - churn_probability(customer)) for p, customer in zip(predicted, customers, strict=True)
    )
    return float(sum(differences) / len(customers))


def save(version: str) -> str:
    """Train, save under `MODEL:version`, and return a sentence on how good the model is."""
    pipeline = fit(version)
    probabilities = pipeline.predict_proba([GOLDEN])[0].tolist()
    error = round(error_to_truth(pipeline), 4)
    bentoml.sklearn.save_model(
        f"{MODEL}:{version}",
        pipeline,
        labels={"e2i.dev/data": "synthetic"},
        metadata={
            "data": "synthetic customers made by data.py, not observed",
            "mean_absolute_error_to_truth": error,
            "golden": {"input": GOLDEN, "probabilities": probabilities},
        },
    )
    return f"trained on 4000 synthetic customers; mean error to the known truth {error}"
