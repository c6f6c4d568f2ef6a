"""The example projects that predict: what they learn is near the known truth, and the whole model is in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from e2i.pipeline.project import read_project
from e2i_bento.card import Feature
from e2i_bento.golden_check import check_golden, differences
from e2i_bento.predicting import Predictor
from e2i_bento.request_types import input_type

PROJECT = Path(__file__).resolve().parents[3]
PROJECTS = sorted(file.parent.name for file in (PROJECT / "bentos").glob("*/project.yaml"))
CLASSIFIERS = ("breast_cancer", "churn", "conversion", "credit_risk")
REGRESSIONS = ("adoption", "disease_progression", "ltv")
SYNTHETIC = ("adoption", "churn", "conversion", "credit_risk", "ltv")

Examples = Callable[[str], Any]
Predictors = Callable[[str], Predictor]


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_is_pinned_to_the_versions_in_the_lock_file(name: str) -> None:
    folder = PROJECT / "bentos" / name
    pins = (folder / read_project(folder).requirements).read_text().splitlines()
    locked = {normal(line) for line in (PROJECT / "requirements.lock").read_text().splitlines()}
    assert {normal(pin) for pin in pins if not pin.startswith("#")} - locked == set()


@pytest.mark.parametrize("name", PROJECTS)
def test_data_says_in_its_first_line_whether_it_is_synthetic_or_real(name: str) -> None:
    folder = PROJECT / "bentos" / name
    word = "SYNTHETIC" if read_project(folder).data.synthetic else "REAL"
    assert word in (folder / "data.py").read_text().splitlines()[0]


@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_same_seed_makes_the_same_data_and_another_seed_other_data(example: Examples, name: str) -> None:
    shown = example(name)
    module = shown.generator
    first, again, other = (module.generate(50, seed) for seed in (7, 7, 8))
    assert as_text(first) == as_text(again) != as_text(other)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSIONS])
def test_training_again_gives_the_same_predictions(example: Examples, name: str) -> None:
    shown = example(name)
    again = shown.recipe.train(shown.seen)
    rows = shown.unseen[shown.features][:50]
    assert again.predict(rows).tolist() == shown.model.predict(rows).tolist()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_ranks_and_weighs_what_it_has_not_seen(example: Examples, name: str) -> None:
    shown = example(name)
    label = shown.model.classes_[0]
    happened = shown.unseen[shown.project.target] == label
    chances = shown.model.predict_proba(shown.unseen[shown.features])[:, 0]
    base_rate = np.full(len(happened), (shown.seen[shown.project.target] == label).mean())
    assert roc_auc_score(happened, chances) > 0.75
    assert log_loss(happened, chances) < 0.9 * log_loss(happened, base_rate)


@pytest.mark.parametrize(
    ("name", "floor"),
    [
        pytest.param("adoption", 0.6, id="adoption: seats are used or not, which is chance"),
        pytest.param(
            "disease_progression", 0.4, id="disease progression: what is published for linear models"
        ),
        pytest.param("ltv", 0.45, id="ltv: what customers spend varies by half of what is expected"),
    ],
)
def test_a_regression_explains_what_it_has_not_seen(example: Examples, name: str, floor: float) -> None:
    shown = example(name)
    assert (
        r2_score(shown.unseen[shown.project.target], shown.model.predict(shown.unseen[shown.features]))
        > floor
    )


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        pytest.param("adoption", 0.03, id="adoption: share of seats"),
        pytest.param("churn", 0.03, id="churn: probability"),
        pytest.param("conversion", 0.03, id="conversion: probability"),
        pytest.param("credit_risk", 0.06, id="credit risk: probability"),
        pytest.param("ltv", 0.04, id="ltv: share of the expected value"),
    ],
)
def test_predictions_are_near_the_known_truth(example: Examples, name: str, bound: float) -> None:
    shown = example(name)
    assert shown.recipe.evaluate(shown.model, shown.unseen)["error_to_truth"] < bound


@pytest.mark.parametrize("name", PROJECTS)
def test_the_saved_model_takes_the_features_as_they_are_and_answers_as_after_training(
    example: Examples, predictor: Predictors, name: str
) -> None:
    shown, served = example(name), predictor(name)
    assert check_golden(served) == []
    assert [feature.name for feature in served.card.features] == shown.features
    row = served.card.golden[0].input
    assert set(map(type, row.values())) <= {int, float, bool, str, type(None)}


@pytest.mark.parametrize("name", PROJECTS)
def test_the_declared_limits_of_every_number_get_finite_answers(predictor: Predictors, name: str) -> None:
    served = predictor(name)
    numbers = [feature for feature in served.card.features if feature.kind in ("integer", "number")]
    lowest = {feature.name: exact(feature, feature.minimum) for feature in numbers}
    highest = {feature.name: exact(feature, feature.maximum) for feature in numbers}
    rows = [served.card.golden[0].input | extreme for extreme in (lowest, highest)]
    for row in rows:
        input_type(served.card).model_validate(row)
    assert len(served.answers(rows)) == 2


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("conversion", "basket_value"),
        ("ltv", "first_channel"),
        ("ltv", "returned_share"),
        ("credit_risk", "income"),
    ],
)
def test_a_value_that_may_be_missing_may_be_missing_alone_and_in_a_batch(
    predictor: Predictors, name: str, feature: str
) -> None:
    served = predictor(name)
    known = next(golden.input for golden in served.card.golden if golden.input[feature] is not None)
    missing = known | {feature: None}
    (alone,) = served.answers([missing])
    assert list(differences(alone, served.answers([known, missing])[1], tolerance=1e-9)) == []


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("churn", "contract"),
        ("conversion", "channel"),
        ("ltv", "first_channel"),
        ("adoption", "tier"),
        ("credit_risk", "home"),
    ],
)
def test_a_category_that_training_has_not_seen_is_refused_before_the_model(
    predictor: Predictors, name: str, feature: str
) -> None:
    card = predictor(name).card
    with pytest.raises(ValidationError, match=feature):
        input_type(card).model_validate(card.golden[0].input | {feature: "never seen"})


@pytest.mark.parametrize(
    ("name", "column", "value", "sentence"),
    [
        ("churn", "outcome", "unknown", r"outcome must be one of leaves, stays; found also \['unknown'\]"),
        ("churn", "contract", "forever", r"contract must be one of .* found also \['forever'\]"),
        ("conversion", "pages_viewed", 0, "pages_viewed is below 1 in row 3"),
        ("conversion", "outcome", "maybe", r"outcome must be buys or leaves; found also \['maybe'\]"),
        ("ltv", "value", 0.0, "value is 0.0 in row 3, it must be above 0"),
        ("adoption", "adoption", 1.2, "adoption is 1.2 in row 3, a share is from 0 to 1"),
        (
            "breast_cancer",
            "diagnosis",
            "?",
            r"diagnosis must be one of malignant, benign; found also \['\?'\]",
        ),
        ("credit_risk", "status", "ok", r"status must be default or repaid; found also \['ok'\]"),
    ],
)
def test_wrong_data_is_refused_with_the_place_and_the_value(
    example: Examples, name: str, column: str, value: object, sentence: str
) -> None:
    data = example(name).data[:10].copy()
    example(name).recipe.check(data)
    data.loc[3, column] = value
    with pytest.raises(ValueError, match=sentence):
        example(name).recipe.check(data)


def test_a_share_of_seats_stays_a_share_wherever_one_asks(predictor: Predictors) -> None:
    served = predictor("adoption")
    rows = [golden.input | {"training_hours": 1000.0, "champion": True} for golden in served.card.golden]
    assert all(0 <= answer["value"] <= 1 for answer in served.answers(rows))


def test_the_expected_value_of_a_customer_is_met_on_average_and_not_only_the_median(
    example: Examples,
) -> None:
    shown = example("ltv")
    predicted = shown.model.predict(shown.unseen[shown.features])
    assert predicted.mean() == pytest.approx(shown.unseen["value"].mean(), rel=0.05)


def exact(feature: Feature, limit: float | None) -> float:
    """The limit in the feature's own type; every number of an example has both."""
    assert limit is not None
    return int(limit) if feature.kind == "integer" else limit


def as_text(generated: Any) -> str:
    return str(generated.to_csv() if isinstance(generated, pd.DataFrame) else generated)


def normal(requirement: str) -> str:
    """One spelling for a pin: the lock file quotes and continues its lines in its own way."""
    return requirement.rstrip("\\").replace('"', "'").replace(" ", "")
