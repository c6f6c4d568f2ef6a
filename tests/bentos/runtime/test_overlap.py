"""Rows of a causal model that are like treated rows alone, or like untreated ones alone."""

from __future__ import annotations

import math
from typing import Any

import pytest

from e2i_bento.card import Overlap, Propensity, Reference
from e2i_bento.feature_bins import WINDOW_ROWS
from e2i_bento.overlap import OverlapWindow, propensity_score

AGE = {"feature": "age", "slope": 0.1, "knots": [40], "bends": [-0.1], "missing": 3.0}
PLAN = {"feature": "plan", "categories": {"a": 1.0, "True": 2.0}, "missing": -1.0}


def propensity(*weights: dict[str, Any], intercept: float = 0.0) -> Propensity:
    return Propensity.model_validate({"treated": "1", "intercept": intercept, "weights": weights})


def log_odds(of: Propensity, **row: Any) -> float:
    score = propensity_score(of, row)
    return math.log(score / (1 - score))


def test_a_number_adds_a_line_that_bends_at_its_knots() -> None:
    of = propensity(AGE, intercept=-2.0)
    assert log_odds(of, age=30) == pytest.approx(1.0)
    assert log_odds(of, age=40) == log_odds(of, age=90) == pytest.approx(2.0)
    assert log_odds(of, age=None) == pytest.approx(1.0)


@pytest.mark.parametrize(("value", "added"), [("a", 1.0), (True, 2.0), ("never seen", -1.0), (None, -1.0)])
def test_anything_else_adds_the_weight_of_its_category(value: Any, added: float) -> None:
    assert log_odds(propensity(PLAN), plan=value) == pytest.approx(added)


@pytest.mark.parametrize(("age", "score"), [(1e300, 1.0), (-1e300, 0.0)])
def test_a_number_beyond_all_bounds_has_a_score_too(age: float, score: float) -> None:
    assert propensity_score(propensity({"feature": "age", "slope": 9.0}), {"age": age}) == pytest.approx(
        score
    )


def test_the_share_outside_is_told_once_there_are_enough_rows() -> None:
    window = OverlapWindow(
        Overlap(
            propensity=propensity({"feature": "age", "slope": 1.0}),
            low=0.25,
            high=0.5,
            outside=0.0,
            auc=0.7,
            calibration_error=0.0,
            reference=Reference(edges=(0.5,), shares=(0.5, 0.5, 0.0)),
        )
    )
    window.add([{"age": 0}] * (WINDOW_ROWS - 1))
    assert (window.outside(), window.stability()) == (None, None)
    window.add([{"age": -1.0}])
    assert window.outside() == 0, "the bounds are inside"
    window.add([{"age": 2}, {"age": -2}] * (WINDOW_ROWS // 4))
    assert window.outside() == 0.5
    even = window.stability()
    window.add([{"age": 2}] * WINDOW_ROWS)
    assert window.outside() == 1
    assert even is not None
    assert (window.stability() or 0) > 1 > even
