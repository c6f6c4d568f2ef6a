"""Small models with hand-made cards, as training leaves them in a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from e2i_bento.card import BACKGROUND_FILE, Card, Row, write_card

CONTRACTS = ("monthly", "yearly")
FEATURES: list[dict[str, Any]] = [
    {
        "name": "tenure months",
        "kind": "integer",
        "minimum": 0,
        "maximum": 1200,
        "reference": {"edges": [20, 40], "shares": [0.4, 0.3, 0.3, 0]},
    },
    {"name": "charge", "kind": "number", "description": "dollars a month"},
    {
        "name": "contract",
        "kind": "category",
        "categories": CONTRACTS,
        "reference": {"categories": CONTRACTS, "shares": [0.5, 0.5, 0]},
    },
    {"name": "autopay", "kind": "boolean"},
]
CUSTOMER: Row = {"tenure months": 3, "charge": 95.0, "contract": "monthly", "autopay": False}

OVERLAP: dict[str, Any] = {
    "propensity": {"treated": "1", "intercept": -10.0, "weights": [{"feature": "charge", "slope": 0.1}]},
    "low": 0.1,
    "high": 0.9,
    "outside": 0.02,
    "auc": 0.7,
    "calibration_error": 0.01,
    "reference": {"edges": [0.9], "shares": [1, 0, 0]},
}
"""Who pays more than 122 always got the discount, and who pays less than 78 never."""


class Uplift:
    """A causal model with the interface of econml: the effect is a tenth of the charge, give or take one."""

    def effect(self, table: pandas.DataFrame) -> np.ndarray[Any, Any]:
        return np.asarray(table["charge"]) / 10

    def effect_interval(self, table: pandas.DataFrame, *, alpha: float) -> tuple[Any, Any]:
        return self.effect(table) - 1 / alpha, self.effect(table) + 1 / alpha


def customers(count: int = 200) -> pandas.DataFrame:
    rng = np.random.default_rng(1)
    return pandas.DataFrame(
        {
            "tenure months": rng.integers(0, 60, count),
            "charge": rng.uniform(20, 120, count).round(2),
            "contract": rng.choice(CONTRACTS, count),
            "autopay": rng.random(count) < 0.5,
        }
    )


def rows_of(table: pandas.DataFrame) -> list[Row]:
    rows: list[Row] = json.loads(table.to_json(orient="records"))
    return rows


def with_encoding(estimator: Any) -> Any:
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), ["contract"]), remainder="passthrough"), estimator
    )


def classifier() -> Any:
    table = customers()
    leaves = np.where(table["charge"] > 30 + table["tenure months"], "leaves", "stays")
    return with_encoding(LogisticRegression(max_iter=5000)).fit(table, leaves)


def regressor() -> Any:
    table = customers()
    return with_encoding(LinearRegression()).fit(table, table["charge"] * 3 + table["tenure months"])


def churn(folder: Path, **changes: Any) -> Path:
    model = classifier()
    labels = model.classes_.tolist()
    probabilities = dict(
        zip(labels, model.predict_proba(pandas.DataFrame([CUSTOMER]))[0].tolist(), strict=True)
    )
    output = {
        "label": max(probabilities, key=lambda label: probabilities[label]),
        "probabilities": probabilities,
    }
    given = {"name": "churn_model", "type": "Classification", "labels": labels, "golden": [golden(output)]}
    return trained(folder, model, given | changes)


def ltv(folder: Path, **changes: Any) -> Path:
    model = regressor()
    output = {"value": float(model.predict(pandas.DataFrame([CUSTOMER]))[0])}
    return trained(
        folder, model, {"name": "ltv_model", "type": "Regression", "golden": [golden(output)]} | changes
    )


def uplift(folder: Path, **changes: Any) -> Path:
    given = {
        "name": "cate_model",
        "type": "Causal",
        "causal": {"treatment": "discount", "outcome": "spend", "confidence": 0.9},
        "golden": [golden({"effect": 9.5, "lower": -0.5, "upper": 19.5, "confidence": 0.9})],
    }
    return trained(folder, Uplift(), given | changes)


def golden(output: dict[str, Any], row: Row = CUSTOMER) -> dict[str, Any]:
    return {"input": row, "output": output}


def trained(folder: Path, model: Any, card: dict[str, Any], background: Sequence[Row] | None = None) -> Path:
    """A folder with the model, its card and its background; the card's other words are plausible defaults."""
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    digest = hashlib.sha256((folder / "model.joblib").read_bytes()).hexdigest()
    file = {"name": "model.joblib", "digest": f"sha256:{digest}"}
    write_card(Card.model_validate({"features": FEATURES, "model": file} | card), folder)
    rows = rows_of(customers(20)) if background is None else list(background)
    (folder / BACKGROUND_FILE).write_text(json.dumps(rows))
    return folder
