"""Whether a loaded model still answers as after training, and what is said when not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bentos.runtime import made

from e2i_bento.golden_check import check_golden, differences
from e2i_bento.predicting import Predictor, load_predictor


def test_a_model_as_it_was_trained_passes(tmp_path: Path) -> None:
    assert check_golden(load_predictor(made.churn(tmp_path))) == []


def test_every_number_that_differs_is_told_with_both_values(tmp_path: Path) -> None:
    golden = [made.golden({"value": 1.0})]
    assert check_golden(load_predictor(made.ltv(tmp_path, golden=golden))) == [
        "golden input 0: value is 288.0, after training it was 1.0 (may differ by 1e-06)"
    ]


def test_another_label_is_told(tmp_path: Path) -> None:
    told = {"label": "stays", "probabilities": {"leaves": 1.0, "stays": 0.0}}
    found = check_golden(load_predictor(made.churn(tmp_path, golden=[made.golden(told)], tolerance=0.1)))
    assert found == ["golden input 0: label is 'leaves', after training it was 'stays' (may differ by 0.1)"]


def test_a_package_in_another_version_is_named_as_the_likely_reason(tmp_path: Path) -> None:
    lineage = {"packages": {"scikit-learn": "0.1", "no-such-package": "1.0"}}
    folder = made.ltv(tmp_path, golden=[made.golden({"value": 1.0})], lineage=lineage)
    found = check_golden(load_predictor(folder))
    assert found[1] == "no-such-package is not installed, the model was trained with 1.0"
    assert found[2].startswith("scikit-learn is ")


def test_another_package_is_no_trouble_while_the_predictions_are_right(tmp_path: Path) -> None:
    assert check_golden(load_predictor(made.ltv(tmp_path, lineage={"packages": {"numpy": "0.1"}}))) == []


def test_a_golden_input_that_the_service_would_refuse_is_told(tmp_path: Path) -> None:
    row = made.CUSTOMER | {"contract": "weekly"}
    found = check_golden(load_predictor(made.ltv(tmp_path, golden=[made.golden({"value": 1.0}, row)])))
    assert found == [
        "golden input 0 is not an input of ltv_model: contract: Input should be 'monthly' or 'yearly'"
    ]


def test_a_reference_that_does_not_fit_its_bins_is_told(tmp_path: Path) -> None:
    wrong = made.FEATURES[2] | {"reference": {"categories": made.CONTRACTS, "shares": [0.5, 0.5]}}
    features = [*made.FEATURES[:2], wrong, made.FEATURES[3]]
    assert check_golden(load_predictor(made.ltv(tmp_path, features=features))) == [
        "the reference of contract has 2 shares for 3 bins: describe the model again"
    ]


def test_a_model_that_raises_is_told_in_a_sentence(tmp_path: Path) -> None:
    card = load_predictor(made.ltv(tmp_path)).card
    (found,) = check_golden(Predictor(card, model=None))
    assert found.startswith("the golden inputs of ltv_model cannot be predicted: AttributeError: ")


@pytest.mark.parametrize(
    ("recorded", "answer", "same"),
    [
        pytest.param(0.0, 1e-7, True, id="near zero the tolerance is absolute"),
        pytest.param(1e9, 1e9 + 100, True, id="for large numbers it is relative"),
        pytest.param(0.5, 0.500002, False, id="more than the tolerance is a difference"),
        pytest.param({"a": 1}, {"b": 1}, False, id="another field is a difference"),
        pytest.param("1", 1, False, id="a text is not a number"),
    ],
)
def test_what_counts_as_the_same(recorded: Any, answer: Any, same: bool) -> None:
    assert (list(differences({"x": recorded}, {"x": answer}, 1e-6)) == []) == same
