"""How good a model is on its own data, and when it is no better than saying always the same."""

from __future__ import annotations

import pytest

from e2i.packaging.baseline_check import check_beats_baseline, check_recorded_predictions, training_metrics
from e2i.packaging.errors import ErrorReason, PackagingError


def says(label: str, sure: float) -> dict[str, object]:
    other = "no" if label == "yes" else "yes"
    return {"label": label, "probabilities": {label: sure, other: 1 - sure}}


def test_a_good_model_is_told_beside_its_usual_answer() -> None:
    answers = [says("yes", 0.9)] * 3 + [says("no", 0.9)]
    told = check_beats_baseline("m", answers, ["yes", "yes", "yes", "no"], {})
    assert told == "it predicts 100.0% of its own labels, and always saying 'yes' would be right in 75.0%"


def test_a_model_that_always_says_the_same_with_false_certainty_is_refused() -> None:
    with pytest.raises(PackagingError) as refused:
        check_beats_baseline("m", [says("yes", 0.99)] * 4, ["yes", "yes", "no", "no"], {})
    assert refused.value.reason is ErrorReason.WorseThanGuessing
    assert "50.0%" in refused.value.message


def test_a_model_that_looks_for_a_rare_label_on_purpose_is_taken() -> None:
    """It finds both rare ones and 90 of 98 others: less often right than always saying no, and yet of use."""
    truths = ["yes"] * 2 + ["no"] * 98
    answers = [says("yes", 0.99)] * 10 + [says("no", 0.6)] * 90
    assert "92.0%" in check_beats_baseline("m", answers, truths, {})


def test_classes_may_be_named_by_number_in_the_data() -> None:
    measured = training_metrics([says("yes", 0.9), says("no", 0.9)], [1, 0], {"1": "yes", "0": "no"})
    assert measured["training_accuracy"] == 1


def test_rows_without_a_truth_do_not_count() -> None:
    assert training_metrics([{"value": 1.0}, {"value": 9.0}, {"value": 2.0}], [1.0, None, 2.0], {}) == {
        "training_r2": 1.0
    }


def test_an_effect_has_no_truth_in_the_data() -> None:
    assert training_metrics([{"effect": 1.0}], [3.0], {}) == {}
    assert "no truth" in check_beats_baseline("m", [{"effect": 1.0}], [3.0], {})


@pytest.mark.parametrize("was", [2.1, "two"])
def test_a_recorded_number_that_is_not_given_again_is_told_with_its_row(was: object) -> None:
    with pytest.raises(PackagingError, match="Row 17 "):
        check_recorded_predictions("m", [{"value": 2.0}], [(17, was)], {})


def test_recorded_numbers_may_differ_by_rounding() -> None:
    check_recorded_predictions("m", [{"value": 2_000_000.0}], [(0, 2_000_000.5)], {})
