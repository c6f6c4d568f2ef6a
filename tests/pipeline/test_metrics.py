"""Metrics of answers, compared with scikit-learn; and the tests of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs
from support.smallproject import PROJECT, days

from e2i.pipeline import datatests
from e2i.pipeline.gate import OF_TYPE
from e2i.pipeline.project import Project
from e2i.pipeline.rows import split
from e2i.pipeline.scoring import metrics_of, noise_of


def classified(
    labels: tuple[str, ...], rows: int, seed: int = 0
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    random = np.random.default_rng(seed)
    truth = random.choice(labels, rows)
    shares = random.dirichlet(np.ones(len(labels)), rows) + (truth[:, None] == np.array(labels)) * 0.3
    shares = shares / shares.sum(axis=1, keepdims=True)
    answers = [
        {"label": labels[row.argmax()], "probabilities": dict(zip(labels, row.tolist(), strict=True))}
        for row in shares
    ]
    return answers, pd.DataFrame({"y": truth})


@pytest.mark.parametrize("labels", [("no", "yes"), ("a", "b", "c")])
def test_the_metrics_of_a_classifier_are_those_of_scikit_learn(labels: tuple[str, ...]) -> None:
    answers, frame = classified(labels, 200)
    found = metrics_of("Classification", answers, frame, "y")
    shares = np.array([[answer["probabilities"][label] for label in labels] for answer in answers])
    score = shares[:, 1] if len(labels) == 2 else shares
    assert found["roc_auc"] == pytest.approx(
        theirs.roc_auc_score(frame["y"], score, multi_class="ovr"), abs=1e-9
    )
    assert found["accuracy"] == theirs.accuracy_score(frame["y"], [answer["label"] for answer in answers])
    assert found["log_loss"] == pytest.approx(theirs.log_loss(frame["y"], shares))


def test_one_label_has_no_roc_auc() -> None:
    answers, frame = classified(("no", "yes"), 50)
    assert "roc_auc" not in metrics_of("Classification", answers, frame.assign(y="yes"), "y")


def test_a_label_that_the_model_has_never_seen_got_no_probability() -> None:
    answers, frame = classified(("no", "yes"), 50)
    found = metrics_of("Classification", answers, frame.assign(y=["maybe", *frame["y"][1:]]), "y")
    assert found["log_loss"] > metrics_of("Classification", answers, frame, "y")["log_loss"]


def test_numbers_as_labels_are_their_words() -> None:
    answers = [{"label": "1", "probabilities": {"0": 0.2, "1": 0.8}}]
    assert metrics_of("Classification", answers, pd.DataFrame({"y": [1]}), "y")["accuracy"] == 1


def test_the_metrics_of_a_regression_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=100)
    said = truth + random.normal(scale=0.3, size=100)
    found = metrics_of("Regression", [{"value": value} for value in said], pd.DataFrame({"y": truth}), "y")
    assert found["r2"] == pytest.approx(theirs.r2_score(truth, said))
    assert found["mean_absolute_error"] == pytest.approx(theirs.mean_absolute_error(truth, said))
    assert found["root_mean_squared_error"] == pytest.approx(theirs.root_mean_squared_error(truth, said))


def test_effects_are_measured_against_the_truth_where_it_is_known() -> None:
    answers = [{"effect": 1.0, "lower": 0.5, "upper": 1.5}, {"effect": 3.0, "lower": 2.9, "upper": 3.1}]
    frame = pd.DataFrame({"y": [0, 0]})
    assert metrics_of("Causal", answers, frame, "y") == {"ate": 2.0}
    found = metrics_of("Causal", answers, frame.assign(true_effect=[1.0, 2.0]), "y")
    assert found["ate_error"] == 0.5
    assert found["effect_error"] == pytest.approx(0.5**0.5)
    assert found["interval_coverage"] == 0.5


def test_the_gate_knows_every_metric_of_a_type() -> None:
    """A name that it does not know stops a pipeline before its first step."""
    answers, frame = classified(("no", "yes"), 50)
    effects, truth = (
        [{"effect": 1.0, "lower": 0.5, "upper": 1.5}],
        pd.DataFrame({"y": [0], "true_effect": [1.0]}),
    )
    values = pd.DataFrame({"y": [1.0, 2.0]})
    found = {
        "Classification": metrics_of("Classification", answers, frame, "y"),
        "Regression": metrics_of("Regression", [{"value": 1.0}, {"value": 3.0}], values, "y"),
        "Causal": metrics_of("Causal", effects, truth, "y"),
    }
    assert {kind: tuple(sorted(metrics)) for kind, metrics in found.items()} == dict(OF_TYPE)


def test_the_noise_between_two_equal_models_is_nothing_and_shrinks_with_rows() -> None:
    answers, frame = classified(("no", "yes"), 100)
    others, _ = classified(("no", "yes"), 100, seed=0)
    assert noise_of("Classification", answers, others, frame, "y")["roc_auc"] == 0
    few = noise_of("Classification", answers, list(reversed(answers)), frame, "y")["log_loss"]
    many, frame = classified(("no", "yes"), 1600)
    assert noise_of("Classification", many, list(reversed(many)), frame, "y")["log_loss"] < few


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "", id="good data"),
        pytest.param({"wind": 3}, "wind is 3 in every row", id="a constant column"),
        pytest.param({"wind": np.nan}, "wind is missing in 100% of the rows", id="an empty column"),
        pytest.param({"rain": "yes"}, "the target rain is 'yes' in every row", id="one label"),
        pytest.param({"rain": None}, "the target rain is missing in 200 rows", id="no labels"),
        pytest.param({"rain": range(200)}, "Is the type Regression?", id="a number as label"),
    ],
)
def test_data_nobody_can_learn_from_are_refused(changes: dict[str, Any], words: str) -> None:
    frame = pd.DataFrame(days(200)).assign(**changes)
    found = datatests.find_problems(frame, ["humidity", "wind", "sky"], Project.model_validate(PROJECT))
    assert len(found) == (1 if words else 0)
    assert words.lower() in " ".join(found).lower()


def test_few_rows_are_refused() -> None:
    found = datatests.find_problems(pd.DataFrame(days(20)), ["humidity"], Project.model_validate(PROJECT))
    assert any("20 rows" in line for line in found)


def test_a_missing_value_more_moves_no_row_to_the_other_side() -> None:
    frame = pd.DataFrame(days(300))
    train, _ = split(frame, 0.2)
    more = pd.concat([frame, pd.DataFrame([{"humidity": 50.0, "wind": np.nan, "sky": "grey", "rain": "no"}])])
    again, _ = split(more.reset_index(drop=True), 0.2)
    assert len(again) - len(train) in (0, 1)
    assert set(map(tuple, train.to_numpy())) <= set(map(tuple, again.dropna().to_numpy()))
