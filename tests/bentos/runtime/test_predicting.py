"""Rows in, answers out, whatever the model takes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from bentos.runtime import made
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from e2i_bento.card import Card, Row, read_card, write_card
from e2i_bento.predicting import ModelDamaged, NotFinite, Predictor, load_predictor

NUMBERS = [{"name": "a", "kind": "number"}, {"name": "b", "kind": "integer", "nullable": True}]
MATRIX = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [4.0, 3.0]])
LATER = made.CUSTOMER | {"tenure months": 59, "charge": 21.0, "contract": "yearly"}


def test_a_classifier_answers_label_and_probabilities_as_it_does_itself(tmp_path: Path) -> None:
    predictor = load_predictor(made.churn(tmp_path))
    first, second = predictor.answers([made.CUSTOMER, LATER])
    assert (first["label"], second["label"]) == ("leaves", "stays")
    assert first["probabilities"] == pytest.approx(predictor.card.golden[0].output["probabilities"])


def test_a_regression_answers_a_value(tmp_path: Path) -> None:
    (answer,) = load_predictor(made.ltv(tmp_path)).answers([made.CUSTOMER])
    assert answer == {"value": pytest.approx(3 * 95 + 3)}


def test_a_causal_model_answers_an_effect_with_its_interval(tmp_path: Path) -> None:
    (answer,) = load_predictor(made.uplift(tmp_path)).answers([made.CUSTOMER])
    wanted = {"effect": 9.5, "lower": -0.5, "upper": 19.5, "confidence": 0.9}
    assert answer == pytest.approx(wanted)


@pytest.mark.parametrize(("below", "decision"), [(1.01, "CALL"), (0.5, "KEEP")])
def test_the_decision_is_the_band_of_the_probability(tmp_path: Path, below: float, decision: str) -> None:
    bands = [{"below": 0.5, "decision": "KEEP"}, {"below": 1.01, "decision": "CALL"}]
    predictor = load_predictor(made.churn(tmp_path, decisions={"label": "leaves", "bands": bands}))
    row = made.CUSTOMER if below > 1 else LATER
    assert predictor.answers([row])[0]["decision"] == decision


def test_classes_that_are_numbers_are_answered_as_the_cards_texts(tmp_path: Path) -> None:
    model = LogisticRegression().fit(MATRIX, [0, 0, 1, 1])
    card = a_card("Classification", labels=("0", "1"), rows_as="matrix")
    (answer,) = Predictor(card, model).answers([{"a": 9.0, "b": 2}])
    assert answer["label"] == "1"
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_a_model_may_take_records() -> None:
    rows: list[Row] = [{"a": float(a), "b": int(b)} for a, b in MATRIX]
    model = make_pipeline(DictVectorizer(), LinearRegression()).fit(rows, MATRIX @ [2, 1])
    (answer,) = Predictor(a_card("Regression", rows_as="records"), model).answers([{"b": 7, "a": 1.0}])
    assert answer == {"value": pytest.approx(9)}


@pytest.mark.parametrize(
    ("rows_as", "missing"), [("frame", math.nan), ("matrix", math.nan), ("records", None)]
)
def test_a_missing_value_is_nan_in_a_table_and_none_in_a_record(rows_as: Any, missing: Any) -> None:
    table = Predictor(a_card("Regression", rows_as=rows_as), LinearRegression()).table(
        [{"a": 1.0, "b": None}]
    )
    read = {"frame": lambda: table["b"][0], "matrix": lambda: table[0, 1], "records": lambda: table[0]["b"]}
    assert read[rows_as]() is missing or math.isnan(read[rows_as]())


def test_columns_have_the_types_that_pandas_reads(tmp_path: Path) -> None:
    table = load_predictor(made.churn(tmp_path)).table([made.CUSTOMER])
    assert [str(kind) for kind in table.dtypes] == ["int64", "float64", "object", "bool"]
    assert list(table.columns) == [feature["name"] for feature in made.FEATURES]


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_a_number_that_is_not_finite_is_told_with_its_row_and_field() -> None:
    model = LinearRegression().fit(MATRIX, MATRIX @ [2, 1])
    predictor = Predictor(a_card("Regression", rows_as="matrix"), model)
    with pytest.raises(NotFinite, match=r"row 1: the model's value is inf") as caught:
        predictor.answers([{"a": 1.0, "b": 1}, {"a": 1.5e308, "b": 1}])
    assert (caught.value.row, caught.value.field) == (1, "value")


@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softprob"])
def test_a_booster_answers_probabilities_of_every_label(tmp_path: Path, objective: str) -> None:
    options = {"objective": objective} | ({"num_class": 2} if objective.startswith("multi") else {})
    booster = xgboost.train(options, xgboost.DMatrix(MATRIX, [0, 0, 1, 1]), num_boost_round=5)
    booster.save_model(tmp_path / "model.json")
    made.trained(tmp_path, None, a_card("Regression").model_dump())
    card = a_card("Classification", labels=("no", "yes"), rows_as="matrix")
    file = {"name": "model.json", "format": "xgboost", "digest": digest(tmp_path / "model.json")}
    write_card(card.model_copy(update={"model": card.model.model_copy(update=file)}), tmp_path)
    (answer,) = load_predictor(tmp_path).answers([{"a": 4.0, "b": 3}])
    probability = np.ravel(booster.predict(xgboost.DMatrix([[4.0, 3.0]])))[-1]
    assert answer["probabilities"] == pytest.approx({"no": 1 - probability, "yes": probability})


def test_a_changed_file_is_not_even_unpickled(tmp_path: Path) -> None:
    folder = made.churn(tmp_path)
    (folder / "model.joblib").write_bytes(b"not a pickle")
    with pytest.raises(ModelDamaged, match=r"has the digest sha256:\w+, its card says"):
        load_predictor(folder)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    folder = made.churn(tmp_path)
    (folder / "model.joblib").unlink()
    with pytest.raises(ModelDamaged, match=r"model.joblib is not in the model's folder"):
        load_predictor(folder)


def test_the_background_is_read_with_the_model(tmp_path: Path) -> None:
    folder = made.churn(tmp_path)
    assert list(load_predictor(folder).background) == json.loads((folder / "background.json").read_text())
    assert read_card(folder) == load_predictor(folder).card


def digest(file: Path) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def a_card(kind: str, **given: Any) -> Card:
    file = {"name": "model.joblib", "digest": f"sha256:{'0' * 64}"}
    known = {"name": "a_model", "type": kind, "golden": [{"input": {}, "output": {}}]}
    return Card.model_validate(known | {"model": file, "features": NUMBERS} | given)
