"""The result of the gate and its report."""

from __future__ import annotations

import pytest

from e2i.pipeline import gate_report
from e2i.pipeline.gate import GateResult, ServingModel, better_when, check_gate
from e2i.pipeline.gate_report import GateReport
from e2i.pipeline.project import Threshold

GOOD = {"roc_auc": 0.8, "log_loss": 0.5}
GATE = {"roc_auc": Threshold(minimum=0.75), "log_loss": Threshold(maximum=0.6, worse_than_serving_by=0.02)}


def serving(
    roc_auc: float = 0.8, log_loss: float = 0.5, noise: float = 0.005, trouble: str = ""
) -> ServingModel:
    metrics = {} if trouble else {"roc_auc": roc_auc, "log_loss": log_loss}
    return ServingModel("rain_model:1.0.0", metrics, {"roc_auc": noise, "log_loss": noise}, trouble)


def bounds(verdict: GateResult) -> list[str]:
    return [finding.bound for finding in verdict.findings]


@pytest.mark.parametrize(
    ("metrics", "there", "not_kept"),
    [
        pytest.param(GOOD, None, [], id="the first model passes when it keeps the bounds"),
        pytest.param(GOOD, serving(), [], id="a model as good as what serves passes"),
        pytest.param({**GOOD, "roc_auc": 0.7}, None, ["gate.roc_auc.minimum"], id="below a minimum"),
        pytest.param({**GOOD, "log_loss": 0.7}, None, ["gate.log_loss.maximum"], id="above a maximum"),
        pytest.param({**GOOD, "roc_auc": 0.75}, None, [], id="a bound itself is kept"),
        pytest.param({"roc_auc": 0.8}, None, ["gate.log_loss"], id="a metric that was not measured fails"),
        pytest.param({**GOOD, "roc_auc": float("nan")}, None, ["gate.roc_auc"], id="NaN fails"),
        pytest.param(GOOD, serving(log_loss=0.485), [], id="worse by less than is allowed"),
        pytest.param(
            GOOD,
            serving(log_loss=0.47),
            ["gate.log_loss.worse_than_serving_by"],
            id="worse by more than is allowed",
        ),
        pytest.param(GOOD, serving(roc_auc=0.809), [], id="worse by no more than chance makes it"),
        pytest.param(
            GOOD,
            serving(roc_auc=0.82),
            ["gate.roc_auc.worse_than_serving_by"],
            id="without a declared allowance, worse than chance makes it fails",
        ),
        pytest.param(
            GOOD, serving(trouble="it is gone"), ["what serves"], id="what serves must be measurable"
        ),
    ],
)
def test_bounds_that_are_not_kept(
    metrics: dict[str, float], there: ServingModel | None, not_kept: list[str]
) -> None:
    assert bounds(check_gate(metrics, GATE, there)) == not_kept


def test_a_gate_without_bounds_passes_and_says_so() -> None:
    verdict = check_gate(GOOD, {}, None)
    assert verdict.passed
    assert "project.yaml has no gate" in verdict.notes[0]


@pytest.mark.parametrize(
    ("metric", "threshold", "direction"),
    [
        ("log_loss", Threshold(minimum=0), "lower"),
        ("r2", Threshold(maximum=1), "higher"),
        ("profit", Threshold(minimum=5), "higher"),
        ("cost", Threshold(maximum=5), "lower"),
        ("ate", Threshold(minimum=0, maximum=1), None),
        ("profit", Threshold(worse_than_serving_by=1), None),
    ],
)
def test_which_direction_is_better(metric: str, threshold: Threshold, direction: str | None) -> None:
    assert better_when(metric, threshold) == direction


def test_a_metric_of_unknown_direction_is_not_compared_and_that_is_said() -> None:
    gate = {"profit": Threshold(worse_than_serving_by=1)}
    verdict = check_gate({"profit": 1}, gate, ServingModel("a:1", {"profit": 100}, {}))
    assert verdict.passed
    assert any("profit" in note for note in verdict.notes)


def test_what_serves_and_may_know_the_rows_is_named_and_not_compared() -> None:
    there = ServingModel("rain_model:1.0.0", {}, {}, skipped="it may have learned from them.")
    verdict = check_gate(GOOD, GATE, there)
    assert verdict.passed
    assert verdict.notes == ("rain_model:1.0.0 serves and was not compared: it may have learned from them.",)
    assert not check_gate({**GOOD, "roc_auc": 0.7}, GATE, there).passed
    text = gate_report.to_markdown(judged(GOOD, there))
    assert "compared with" not in text
    assert "- rain_model:1.0.0 serves and was not compared" in text


def judged(metrics: dict[str, float], there: ServingModel | None) -> GateReport:
    return GateReport(
        "rain_model 2.0.0", 80, "days.jsonl", metrics, GATE, there, check_gate(metrics, GATE, there)
    )


def test_the_report_names_metric_bound_values_and_what_to_look_at() -> None:
    text = gate_report.to_markdown(judged({"roc_auc": 0.5, "log_loss": 0.7}, serving()))
    assert "# rain_model 2.0.0 is not released" in text
    assert "`gate.roc_auc.minimum`: roc_auc is 0.5 and must be at least 0.75." in text
    assert "| **roc_auc** | **0.5** | **0.75** |" in text
    assert "Are the labels right?" in text


def test_the_report_says_when_what_serves_fails_on_these_rows_too() -> None:
    text = gate_report.to_markdown(judged({"roc_auc": 0.5, "log_loss": 0.7}, serving(roc_auc=0.5)))
    assert "does not meet the bounds on these rows either" in text


def test_the_page_shows_the_same_and_escapes_what_it_shows() -> None:
    text = gate_report.to_html(judged({"roc_auc": 0.5, "log_loss": 0.7, "<b>": 1.0}, serving()))
    assert "roc_auc is 0.5 and must be at least 0.75." in text
    assert "&lt;b&gt;" in text


def test_a_good_model_may_be_released() -> None:
    assert "may be released" in gate_report.to_markdown(judged(GOOD, None))
