"""Train the credit risk model for the old-style service and save it in the BentoML model store.

Version 1.0.0 may not look at two features together, 2.0.0 may. `GOLDEN` is an application on which they disagree; the
truth (see data.py) says 99 %.

`bentoml.xgboost.save_model`, which the old service would have used, asks for the version of the distribution `xgboost`
and fails beside `xgboost-cpu`, which has the same code without the libraries for graphics cards. So the two files of
the model, the Booster and the DictVectorizer, are stored as they are.
"""

from __future__ import annotations

from pathlib import Path

import bentoml
import joblib
from data import default_probability, generate
from sklearn.feature_extraction import DictVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from xgboost import XGBClassifier

MODEL = "credit_risk_runner_model"
VERSIONS = ("1.0.0", "2.0.0")
DEPTHS = {"1.0.0": 1, "2.0.0": 4}
GOLDEN = {
    "seniority": 20,
    "home": "owner",
    "job": "fixed",
    "records": True,
    "income": 105,
    "expenses": 84,
    "amount": 2700,
}


def fit(version: str) -> Pipeline:
    """The trained pipeline from applications as dictionaries to 0 and 1; the same version predicts the same."""
    applications, defaults = generate(count=6000, seed=1)
    trees = XGBClassifier(
        n_estimators=60, max_depth=DEPTHS[version], learning_rate=0.2, random_state=1, n_jobs=1
    )
    return make_pipeline(DictVectorizer(sparse=False), trees).fit(applications, defaults)


def error_to_truth(pipeline: Pipeline) -> float:
    """Mean absolute difference between predicted and true probability of a default, on unseen applications."""
    applications, _ = generate(count=2000, seed=2)
    predicted = pipeline.predict_proba(applications)[:, 1]
    truth = (default_probability(application) for application in applications)
    return float(sum(abs(p - t) for p, t in zip(predicted, truth, strict=True)) / len(applications))


def save(version: str) -> str:
    """Train, save under `MODEL:version`, and return a sentence on how good the model is."""
    pipeline = fit(version)
    error = round(error_to_truth(pipeline), 4)
    vectorizer, trees = (step for _, step in pipeline.steps)
    metadata = {
        "data": "synthetic applications made by data.py, not observed",
        "mean_absolute_error_to_truth": error,
    }
    with bentoml.models.create(
        f"{MODEL}:{version}", labels={"e2i.dev/data": "synthetic"}, metadata=metadata
    ) as model:
        folder = Path(model.path)
        trees.get_booster().save_model(folder / "booster.ubj")
        joblib.dump(vectorizer, folder / "vectorizer.joblib")
    return f"trained on 6000 synthetic applications; mean error to the known truth {error}"
