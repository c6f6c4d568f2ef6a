"""What Prometheus is told, read from the client's own registry."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from bentos.runtime import made

from e2i_bento import metrics
from e2i_bento.feature_bins import WINDOW_ROWS
from e2i_bento.input_capture import Captured
from e2i_bento.metrics import ModelMetrics, value_edges
from e2i_bento.predicting import load_predictor

LEAVES = {"label": "leaves", "probabilities": {"leaves": 1.0, "stays": 0.0}}


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> prometheus_client.CollectorRegistry:
    """A registry of the test's own in place of the process's."""
    own = prometheus_client.CollectorRegistry()
    for name in ("Counter", "Gauge"):
        kind = getattr(prometheus_client, name)
        monkeypatch.setattr(
            prometheus_client, name, lambda *given, kind=kind, **more: kind(*given, registry=own, **more)
        )
    monkeypatch.setattr(metrics, "_instruments", functools.cache(metrics._instruments.__wrapped__))
    return own


def told(registry: prometheus_client.CollectorRegistry, name: str, **labels: str) -> Any:
    return registry.get_sample_value(name, {"version": "1.2.0"} | labels)


def test_predictions_are_counted_by_label(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    ModelMetrics(load_predictor(made.churn(tmp_path)).card, "1.2.0").count(
        [made.CUSTOMER] * 3, [LEAVES, LEAVES, {"label": "stays"}]
    )
    name = "bentoml_model_predict_total"
    counts = {label: told(registry, name, model="churn_model", label=label) for label in ("leaves", "stays")}
    assert counts == {"leaves": 2, "stays": 1}


def test_values_are_counted_in_bins_made_of_the_background_predictions(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    counted = ModelMetrics(
        load_predictor(made.ltv(tmp_path)).card, "1.2.0", background_values=[float(n) for n in range(10)]
    )
    counted.count([made.CUSTOMER] * 2, [{"value": -5.0}, {"value": 1.5}])
    name = "e2i_prediction_values_total"
    assert told(registry, name, model="ltv_model", bin="(-inf, 1)") == 1
    assert told(registry, name, model="ltv_model", bin="[1, 2)") == 1
    assert told(registry, "bentoml_model_predict_total", model="ltv_model", label="") == 2


def test_inputs_are_counted_by_bin_of_each_feature(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    counted = ModelMetrics(load_predictor(made.churn(tmp_path)).card, "1.2.0")
    counted.count([made.CUSTOMER] * 3, [LEAVES] * 3)
    name, of = "e2i_input_values_total", {"model": "churn_model"}
    assert told(registry, name, feature="tenure months", bin="(-inf, 20)", **of) == 3
    assert told(registry, name, feature="contract", bin="monthly", **of) == 3
    assert told(registry, name, feature="contract", bin="missing", **of) == 0


def test_drift_is_told_once_there_are_enough_rows(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    counted = ModelMetrics(load_predictor(made.churn(tmp_path)).card, "1.2.0")
    name, of = "e2i_input_drift_psi", {"model": "churn_model", "feature": "contract"}
    counted.count([made.CUSTOMER] * (WINDOW_ROWS - 1), [LEAVES] * (WINDOW_ROWS - 1))
    assert told(registry, name, **of) is None
    counted.count([made.CUSTOMER] * 100, [LEAVES] * 100)
    assert told(registry, name, **of) > 1


def test_predicted_numbers_drift_away_from_those_for_the_background_rows(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    usual = [float(number) for number in range(100)]
    card, name = load_predictor(made.ltv(tmp_path)).card, "e2i_prediction_drift_psi"
    counted = ModelMetrics(card, "1.2.0", background_values=usual)
    counted.count([made.CUSTOMER] * WINDOW_ROWS, [{"value": value} for value in usual * 5])
    assert told(registry, name, model="ltv_model") == pytest.approx(0)
    counted.count([made.CUSTOMER] * WINDOW_ROWS, [{"value": value / 2} for value in usual * 5])
    assert told(registry, name, model="ltv_model") > 1


def test_a_causal_model_tells_how_many_of_its_last_rows_lie_outside_of_its_overlap(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    causal = {"treatment": "discount", "outcome": "spend", "overlap": made.OVERLAP}
    card = load_predictor(made.uplift(tmp_path, causal=causal)).card
    counted, of = ModelMetrics(card, "1.2.0"), {"model": "cate_model"}
    rich, answers = made.CUSTOMER | {"charge": 200.0}, [{"effect": 1.0}] * WINDOW_ROWS
    assert told(registry, "e2i_overlap_outside_training_ratio", **of) == 0.02
    assert told(registry, "e2i_overlap_outside_ratio", **of) is None
    counted.count([made.CUSTOMER] * WINDOW_ROWS, answers)
    assert told(registry, "e2i_overlap_outside_ratio", **of) == 0
    assert told(registry, "e2i_propensity_drift_psi", **of) == pytest.approx(0, abs=1e-3)
    counted.count([rich, made.CUSTOMER] * (WINDOW_ROWS // 2), answers)
    assert told(registry, "e2i_overlap_outside_ratio", **of) == 0.5
    assert told(registry, "e2i_propensity_drift_psi", **of) > 1


def test_a_causal_model_without_a_propensity_tells_no_overlap(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    counted = ModelMetrics(load_predictor(made.uplift(tmp_path)).card, "1.2.0")
    counted.count([made.CUSTOMER] * WINDOW_ROWS, [{"effect": 1.0}] * WINDOW_ROWS)
    assert told(registry, "e2i_overlap_outside_ratio", model="cate_model") is None


def test_a_few_background_rows_are_no_distribution_to_compare_with(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    card = load_predictor(made.ltv(tmp_path)).card
    counted = ModelMetrics(card, "1.2.0", background_values=[1.0] * (metrics.LEAST_BACKGROUND - 1))
    counted.count([made.CUSTOMER] * WINDOW_ROWS, [{"value": 9.0}] * WINDOW_ROWS)
    assert told(registry, "e2i_prediction_drift_psi", model="ltv_model") is None


def test_rows_that_are_captured_and_rows_that_are_lost_are_counted(
    registry: prometheus_client.CollectorRegistry, tmp_path: Path
) -> None:
    counted, name = (
        ModelMetrics(load_predictor(made.churn(tmp_path)).card, "1.2.0"),
        "e2i_captured_rows_total",
    )
    assert told(registry, name, model="churn_model", result="lost") == 0, "a rate begins at the second value"
    counted.count_captured(Captured(written=3, lost=2))
    values = [told(registry, name, model="churn_model", result=result) for result in ("written", "lost")]
    assert values == [3, 2]


def test_the_edges_of_values_have_as_many_background_predictions_on_each_side() -> None:
    assert value_edges([float(n) for n in range(100)]) == tuple(float(n) for n in range(10, 100, 10))
    assert value_edges([1.0, 1.0, 1.0]) == (1.0,)
    assert value_edges([]) == ()
