"""Contributions of the features, by the real shap."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bentos.runtime import made

from e2i_bento import shapley
from e2i_bento.predicting import load_predictor
from e2i_bento.shapley import ExplanationUnavailable, evaluation_count, explanation, spread_rows

LARGEST = 64
# What shap's import warns of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")


@pytest.mark.parametrize(
    ("make", "explained"),
    [
        (made.churn, "probability of leaves"),
        (made.ltv, "value"),
        (made.uplift, "effect of discount on spend"),
    ],
)
def test_the_contributions_of_the_raw_features_add_up_to_the_prediction(
    tmp_path: Path, make: Any, explained: str
) -> None:
    predictor = load_predictor(make(tmp_path))
    found = predictor.explain(made.CUSTOMER)
    assert found["explained"] == explained
    assert list(found["contributions"]) == [feature["name"] for feature in made.FEATURES]
    total = found["base_value"] + sum(found["contributions"].values())
    assert total == pytest.approx(found["value"], rel=1e-6)


def test_in_a_sum_each_feature_contributes_what_it_is_above_the_background(tmp_path: Path) -> None:
    predictor = load_predictor(made.ltv(tmp_path))
    found = predictor.explain(made.CUSTOMER)
    charges = [row["charge"] for row in predictor.background]
    above = 3 * (95.0 - sum(charges) / len(charges))
    assert found["contributions"]["charge"] == pytest.approx(above)
    assert found["contributions"]["autopay"] == pytest.approx(0, abs=1e-9)


def test_the_same_row_gets_the_same_explanation(tmp_path: Path) -> None:
    predictor = load_predictor(made.churn(tmp_path))
    assert predictor.explain(made.CUSTOMER) == predictor.explain(made.CUSTOMER)


@pytest.mark.parametrize("features", [1, 10, 11, 40])
def test_few_features_and_many_add_up_and_keep_to_the_number_of_predictions(features: int) -> None:
    rng = np.random.default_rng(0)
    columns = {f"f{number}": rng.normal(size=101) for number in range(features)}
    predicted = 0

    def predict(mixed: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        nonlocal predicted
        table = np.column_stack(list(mixed.values()))
        predicted += len(table)
        return np.tanh(table.prod(axis=1) + table @ np.arange(features))

    found = explanation(columns, predict)
    assert found["base_value"] + sum(found["contributions"].values()) == pytest.approx(found["value"])
    assert predicted <= shapley.ROWS_PREDICTED * 1.2


def test_the_decided_label_is_explained_even_when_another_one_is_predicted(tmp_path: Path) -> None:
    bands = [{"below": 1.01, "decision": "KEEP"}]
    predictor = load_predictor(made.churn(tmp_path, decisions={"label": "stays", "bands": bands}))
    assert predictor.explain(made.CUSTOMER)["explained"] == "probability of stays"


def test_without_background_there_is_nothing_to_explain_against(tmp_path: Path) -> None:
    folder = made.churn(tmp_path)
    (folder / "background.json").unlink()
    with pytest.raises(ExplanationUnavailable, match="no background rows"):
        load_predictor(folder).explain(made.CUSTOMER)


def test_without_shap_the_reason_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ExplanationUnavailable, match="add shap to the model's requirements"):
        load_predictor(made.churn(tmp_path)).explain(made.CUSTOMER)


def test_the_background_is_thinned_evenly_for_many_features() -> None:
    assert spread_rows(100, 4).tolist() == list(range(1, 101))
    assert spread_rows(100, 10).tolist()[:3] == [1, 6, 12]
    assert evaluation_count(LARGEST) * len(spread_rows(100, LARGEST)) <= shapley.ROWS_PREDICTED
