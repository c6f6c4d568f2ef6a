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


def test_the_edges_of_values_have_as_many_background_predictions_on_each_side() -> None:
    assert value_edges([float(n) for n in range(100)]) == tuple(float(n) for n in range(10, 100, 10))
    assert value_edges([1.0, 1.0, 1.0]) == (1.0,)
    assert value_edges([]) == ()
