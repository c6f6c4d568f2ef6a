"""From scores of the features to the decision about drift."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.pipeline.drift_verdict import (
    PREDICTION,
    Column,
    judge_drift,
    latest,
    method_for,
    outside_overlap,
    prediction_of,
    shapes_of,
    too_few,
)
from e2i.pipeline.project import Drift
from e2i.pipeline.steps.monitor import new_rows, parsed
from e2i_bento.card import Feature, FeatureWeight, Overlap, Propensity, Reference

LINE = (
    '{"e2i": "input", "model": "rain_model:1.0.0", "time": "2026-11-21T18:30:29.120Z", '
    '"input": {"humidity": 50.0}, "answer": {"label": "yes"}}'
)


def columns(drifted: int, of: int, prediction: bool = False) -> list[Column]:
    features = [Column(f"f{n}", "ks", 0.5, 0.01, n < drifted) for n in range(of)]
    return [*features, Column(PREDICTION, "ks", 0.5, 0.01, prediction)]


@pytest.mark.parametrize(
    ("drifted", "of", "prediction", "expected"),
    [
        pytest.param(0, 5, False, False, id="nothing moved"),
        pytest.param(1, 5, False, False, id="a fifth moved, three tenths are allowed"),
        pytest.param(2, 5, False, True, id="two fifths moved"),
        pytest.param(3, 10, False, True, id="the share itself is drift"),
        pytest.param(0, 5, True, False, id="predictions alone decide nothing"),
    ],
)
def test_drift_is_a_share_of_the_features(drifted: int, of: int, prediction: bool, expected: bool) -> None:
    verdict = judge_drift("m:1", columns(drifted, of, prediction), 300, 500, Drift(share=0.3))
    assert verdict.drifted is expected
    assert verdict.prediction_drifted is prediction


def test_the_sentence_names_what_moved() -> None:
    verdict = judge_drift("m:1", columns(2, 5), 300, 500, Drift(share=0.3))
    assert verdict.sentence.startswith("2 of 5 features drifted (f0, f1) in 300 requests; drift.share is 0.3")


def test_too_few_requests_are_no_verdict() -> None:
    verdict = too_few("m:1", 9, 500, Drift())
    assert not verdict.enough
    assert not verdict.drifted
    assert "9 requests" in verdict.sentence


@pytest.mark.parametrize(
    ("shape", "rows", "name"),
    [("number", 499, "ks"), ("category", 499, "chisquare"), ("number", 500, "wasserstein")],
)
def test_few_rows_are_tested_and_many_are_measured(shape: Any, rows: int, name: str) -> None:
    assert method_for(shape, 2000, rows).name == name


def test_a_p_value_drifts_below_its_threshold_and_a_distance_above() -> None:
    test, distance = method_for("number", 100, 100), method_for("number", 1000, 1000)
    assert test.says_drift(0.001)
    assert not test.says_drift(0.5)
    assert distance.says_drift(0.5)
    assert not distance.says_drift(0.01)


def test_of_two_labels_one_probability_is_compared_and_of_more_the_label() -> None:
    two = {"label": "b", "probabilities": {"b": 0.7, "a": 0.3}}
    three = {"label": "b", "probabilities": {"a": 0.2, "b": 0.5, "c": 0.3}}
    assert prediction_of("Classification", two) == (0.3, "number")
    assert prediction_of("Classification", three) == ("b", "category")
    assert prediction_of("Causal", {"effect": 2}) == (2.0, "number")


def test_free_text_is_not_compared() -> None:
    features = [
        Feature(name="a", kind="text"),
        Feature(name="b", kind="boolean"),
        Feature(name="c", kind="integer"),
    ]
    assert shapes_of(features) == {"b": "category", "c": "number"}


def test_only_the_latest_requests_of_the_model_that_serves_count() -> None:
    rows = [{"model": "m:2", "time": str(n)} for n in range(5)] + [{"model": "m:1", "time": "9"}]
    assert [row["time"] for row in latest(rows, "m:2", 2)] == ["3", "4"]


def test_a_log_that_is_read_again_adds_only_what_is_new() -> None:
    first = new_rows([], [("pod-a", LINE), ("pod-a", LINE)])
    assert len(first) == 2
    again = new_rows(first, [("pod-a", LINE), ("pod-a", LINE), ("pod-a", LINE), ("pod-b", LINE)])
    assert [row["pod"] for row in again] == ["pod-a", "pod-b"]


@pytest.mark.parametrize("line", ["", "INFO ready", LINE[:60], '{"e2i": "input"}', '{"other": 1}', "[1, 2]"])
def test_other_lines_of_a_log_are_left_out(line: str) -> None:
    assert parsed("pod", line) is None


def test_a_line_with_a_prefix_of_the_log_is_understood() -> None:
    row = parsed("pod", f"2026-11-21T18:30:29Z stdout F {LINE}")
    assert row
    assert row["model"] == "rain_model:1.0.0"


@pytest.mark.parametrize(
    ("ages", "share", "drifted"),
    [
        pytest.param([40] * 8 + [90, 90], "20%", True, id="many that only the treated were like"),
        pytest.param([40] * 9 + [90], "10%", False, id="hardly more than in training"),
        pytest.param([40] * 10, "0%", False, id="none"),
    ],
)
def test_a_causal_model_drifts_when_too_many_inputs_lie_outside_of_its_overlap(
    ages: list[int], share: str, drifted: bool
) -> None:
    """No feature has moved as a whole, and yet the effects of these rows are guesses."""
    propensity = Propensity(treated="1", intercept=-4, weights=(FeatureWeight(feature="age", slope=0.1),))
    overlap = Overlap(
        propensity=propensity,
        low=0.1,
        high=0.9,
        outside=0.05,
        auc=0.7,
        calibration_error=0.01,
        reference=Reference(edges=(0.5,), shares=(0.5, 0.5, 0.0)),
    )
    outside = outside_overlap(overlap, [{"age": age} for age in ages])
    verdict = judge_drift("m:1", columns(0, 5), 300, 500, Drift(share=0.3), outside)
    assert verdict.drifted is drifted
    assert (
        f"{share} of the requests lie outside of the overlap, 5% in training (at most 10% more)"
        in verdict.sentence
    )
    assert verdict.to_json()["outside"] == {"share": pytest.approx(outside.share), "training": 0.05}
