"""Train the breast cancer pipelines and save them in the BentoML model store.

The data is real: 569 tumours, the Breast Cancer Wisconsin (Diagnostic) data set that ships inside
scikit-learn. Only its ten mean measurements are used. Version 1.0.0 decides by the two that separate best,
2.0.0 by all ten.

`GOLDEN` is a benign tumour on which they disagree; it was in the test part, so neither has seen it.
A demonstration of serving, not of medicine.
"""

from __future__ import annotations

import bentoml
from sklearn.datasets import load_breast_cancer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = "breast_cancer_pipeline"
VERSIONS = ("1.0.0", "2.0.0")
MEASUREMENTS = 10
GOLDEN = {
    "mean_radius": 14.53,
    "mean_texture": 13.98,
    "mean_perimeter": 93.86,
    "mean_area": 644.2,
    "mean_smoothness": 0.1099,
    "mean_compactness": 0.09242,
    "mean_concavity": 0.06895,
    "mean_concave_points": 0.06495,
    "mean_symmetry": 0.165,
    "mean_fractal_dimension": 0.06121,
}

Tumours = tuple[list[dict[str, float]], list[str]]


def load() -> tuple[Tumours, Tumours]:
    """The tumours to learn from (three quarters) and those to test with, always the same split."""
    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names[:MEASUREMENTS]]
    tumours = [dict(zip(names, row[:MEASUREMENTS].tolist(), strict=True)) for row in data.data]
    labels = [str(data.target_names[target]) for target in data.target]
    train, test, train_labels, test_labels = train_test_split(
        tumours, labels, test_size=0.25, random_state=0, stratify=labels
    )
    return (train, train_labels), (test, test_labels)


def build_pipeline(version: str) -> Pipeline:
    """An untrained pipeline from measurements as dictionaries to labels."""
    preprocessing = (DictVectorizer(sparse=False), StandardScaler())
    if version == "1.0.0":
        return make_pipeline(*preprocessing, SelectKBest(f_classif, k=2), LogisticRegression())
    return make_pipeline(*preprocessing, LogisticRegression())


def fit(version: str) -> Pipeline:
    """The trained pipeline; the same version gives the same predictions every time."""
    (tumours, labels), _ = load()
    return build_pipeline(version).fit(tumours, labels)


def save(version: str) -> str:
    """Train, save under `MODEL:version`, and return a sentence on how good the model is."""
    (seen, _), (tumours, labels) = load()
    pipeline = fit(version)
    accuracy = round(float(pipeline.score(tumours, labels)), 4)
    bentoml.sklearn.save_model(
        f"{MODEL}:{version}",
        pipeline,
        labels={"e2i.dev/data": "breast-cancer-wisconsin-diagnostic"},
        metadata={
            "data": "Breast Cancer Wisconsin (Diagnostic), as shipped with scikit-learn",
            "accuracy": accuracy,
            "golden": {"input": GOLDEN, "probabilities": pipeline.predict_proba([GOLDEN])[0].tolist()},
        },
    )
    return f"trained on {len(seen)} real tumours; accuracy on {len(labels)} others {accuracy}"
