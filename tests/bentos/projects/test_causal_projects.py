"""The causal examples: the effects are near the known truth, where comparing the groups as they are is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from pydantic import ValidationError

from e2i.packaging.schema import json_rows
from e2i_bento.overlap import propensity_score
from e2i_bento.predicting import Predictor
from e2i_bento.request_types import input_type

CAUSAL = ("cate", "treatment_effect")

Examples = Callable[[str], Any]
Predictors = Callable[[str], Predictor]


@pytest.mark.parametrize("name", CAUSAL)
def test_everybody_had_a_chance_to_be_treated_and_a_chance_not_to_be(example: Examples, name: str) -> None:
    chances = example(name).generator.treated_probability(example(name).data)
    assert 0.1 <= chances.min() < chances.max() <= 0.9
    assert np.ptp(chances) > 0.4, "far from a lot"


def test_comparing_the_groups_answers_more_than_twice_the_effect_of_the_discount(example: Examples) -> None:
    shown = example("cate")
    assert shown.generator.naive_effect(shown.data) > 2 * shown.data["true_effect"].mean() > 0


def test_comparing_the_groups_makes_the_helpful_course_look_harmful(example: Examples) -> None:
    shown = example("treatment_effect")
    assert shown.generator.naive_effect(shown.data) > 0.5
    assert shown.data["true_effect"].max() < -1


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        # The treated and the others each have an error of NOISE / sqrt(rows / 2): together 2 * NOISE / sqrt(rows).
        # Four of these, for the forest gives the rows of its two halves different weights.
        pytest.param("cate", 4 * 2 * 8 / 6400**0.5, id="cate"),
        pytest.param("treatment_effect", 4 * 2 * 2 / 6400**0.5, id="treatment effect"),
    ],
)
def test_the_average_effect_is_near_the_true_one(example: Examples, name: str, bound: float) -> None:
    shown = example(name)
    found = shown.model.effect(shown.unseen[shown.features]).mean()
    assert found == pytest.approx(shown.unseen["true_effect"].mean(), abs=bound)


def test_the_true_average_effect_of_the_course_is_in_its_interval_and_the_naive_one_far_outside(
    example: Examples,
) -> None:
    shown = example("treatment_effect")
    rows = shown.seen[shown.features].to_numpy()
    low, high = shown.model.ate_interval(rows, alpha=0.1)
    assert low < shown.seen["true_effect"].mean() < high
    assert shown.generator.naive_effect(shown.seen) > high + 10 * (high - low)


def test_the_effect_on_each_customer_is_found(example: Examples) -> None:
    shown = example("cate")
    truth = shown.unseen["true_effect"]
    error = rmse(shown.model.effect(shown.unseen[shown.features]), truth)
    # What noise allows somebody who averages 100 customers of the same kind, half of them with the discount.
    assert error < 2 * shown.generator.NOISE / 100**0.5
    assert error < truth.std() / 3, "the same answer for everybody would be three times as wrong"


def test_nine_of_ten_intervals_for_a_customer_hold_the_true_effect(example: Examples) -> None:
    # A forest smooths over neighbours, an error that its intervals do not know of: 0.8 of 0.9 is what one gets.
    assert 0.75 < coverage(example("cate").model, example("cate")) < 0.97


def test_nine_of_ten_samples_have_the_true_effects_of_the_course_in_their_intervals(
    example: Examples,
) -> None:
    # The effects of one sample are wrong together, for they share few coefficients: only many samples tell.
    shown = example("treatment_effect")
    samples = [shown.generator.generate(2000, seed) for seed in range(20)]
    assert np.mean([coverage(shown.recipe.train(sample), shown) for sample in samples]) == pytest.approx(
        0.9, abs=0.08
    )


def test_the_effect_of_the_course_is_found_to_be_nearly_the_same_for_everybody(example: Examples) -> None:
    shown = example("treatment_effect")
    found = shown.model.effect(shown.unseen[shown.features])
    assert rmse(found, shown.unseen["true_effect"]) < 0.25
    assert found.std() < 0.5


@pytest.mark.parametrize("name", CAUSAL)
def test_training_again_gives_the_same_effects(example: Examples, name: str) -> None:
    shown = example(name)
    few, rows = shown.seen[:1000], shown.unseen[shown.features][:50]
    first, again = (shown.recipe.train(few).effect(rows).tolist() for _ in range(2))
    assert first == again


@pytest.mark.parametrize("name", CAUSAL)
def test_the_saved_model_is_small_loads_fast_and_takes_one_core(
    example: Examples, tmp_path: Path, name: str
) -> None:
    shown = example(name)
    file = tmp_path / "model.joblib"
    with shown.importable():
        joblib.dump(shown.model, file)
        started = time.process_time()
        loaded = joblib.load(file)
    assert time.process_time() - started < 3
    assert file.stat().st_size < 8_000_000
    assert getattr(getattr(loaded, "estimator", None), "n_jobs", 1) == 1


@pytest.mark.parametrize("name", CAUSAL)
def test_the_estimated_effect_is_inside_its_interval(predictor: Predictors, name: str) -> None:
    served = predictor(name)
    for answer in served.answers([golden.input for golden in served.card.golden]):
        assert answer["lower"] < answer["effect"] < answer["upper"]
        assert answer["confidence"] == 0.9


@pytest.mark.parametrize("name", CAUSAL)
def test_the_learned_chance_of_the_treatment_is_near_the_true_one(
    example: Examples, predictor: Predictors, name: str
) -> None:
    shown, causal = example(name), predictor(name).card.causal
    assert causal
    assert causal.overlap
    rows = json_rows(shown.unseen[shown.features])
    scores = [propensity_score(causal.overlap.propensity, row) for row in rows]
    truth = shown.generator.treated_probability(shown.unseen)
    assert rmse(np.array(scores), truth) < 0.05
    assert causal.overlap.outside < 0.1
    assert causal.overlap.calibration_error < 0.03


def test_a_region_that_training_has_not_seen_is_refused_before_the_model(predictor: Predictors) -> None:
    card = predictor("cate").card
    with pytest.raises(ValidationError, match="region"):
        input_type(card).model_validate(card.golden[0].input | {"region": "atlantis"})


@pytest.mark.parametrize(("name", "treatment"), [("cate", "discount"), ("treatment_effect", "course")])
def test_data_in_which_nearly_everybody_was_treated_is_refused(
    example: Examples, name: str, treatment: str
) -> None:
    shown = example(name)
    shown.recipe.check(shown.data)
    with pytest.raises(ValueError, match=f"100% .* the {treatment}"):
        shown.recipe.check(shown.data[shown.data[treatment] == 1])


def coverage(model: Any, shown: Any) -> float:
    """Share of the unseen rows whose true effect is in the interval of 90 %."""
    low, high = model.effect_interval(shown.unseen[shown.features], alpha=0.1)
    return float(((low <= shown.unseen["true_effect"]) & (shown.unseen["true_effect"] <= high)).mean())


def rmse(found: Any, truth: Any) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)))
