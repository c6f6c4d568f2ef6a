"""Bins, and how far rows are from the training data."""

from __future__ import annotations

import math
from typing import Any

import pytest

from e2i_bento.card import Feature, Reference
from e2i_bento.feature_bins import Window, bin_function, bin_names, intervals, population_stability

NUMBER = Feature(
    name="n", kind="number", nullable=True, reference=Reference(edges=(1, 2.5), shares=(0.5, 0.3, 0.2, 0))
)
WORD = Feature(name="w", kind="category", reference=Reference(categories=("a", "b"), shares=(0.5, 0.5, 0)))
YES = Feature(
    name="y", kind="boolean", reference=Reference(categories=("False", "True"), shares=(0.5, 0.5, 0))
)


@pytest.mark.parametrize(
    ("feature", "value", "bin_number"),
    [
        pytest.param(NUMBER, -7, 0, id="below all edges"),
        pytest.param(NUMBER, 1, 1, id="an edge belongs to the bin above it"),
        pytest.param(NUMBER, 2.5, 2, id="the last edge"),
        pytest.param(NUMBER, None, 3, id="missing is the last bin"),
        pytest.param(WORD, "b", 1, id="a category"),
        pytest.param(WORD, "c", 2, id="an unknown category is the last bin"),
        pytest.param(YES, True, 1, id="true is a category by its name"),
    ],
)
def test_a_value_falls_into_its_bin(feature: Feature, value: Any, bin_number: int) -> None:
    bin_of = bin_function(feature)
    assert bin_of is not None
    assert bin_of(value) == bin_number


def test_a_feature_without_a_reference_has_no_bins() -> None:
    assert bin_function(Feature(name="n", kind="number")) is None
    assert Window([Feature(name="n", kind="number")], rows=1).add([{"n": 1}]) == {}


def test_bins_are_named_as_intervals_or_categories() -> None:
    assert intervals((1, 2.5)) == ("(-inf, 1)", "[1, 2.5)", "[2.5, inf)")
    assert intervals(()) == ("(-inf, inf)",)
    assert NUMBER.reference is not None
    assert WORD.reference is not None
    assert bin_names(NUMBER.reference, "number")[-2:] == ("[2.5, inf)", "missing")
    assert bin_names(WORD.reference, "category") == ("a", "b", "missing")


def test_the_index_of_the_training_distribution_itself_is_zero() -> None:
    assert population_stability((0.5, 0.3, 0.2), (50, 30, 20)) == pytest.approx(0)


def test_the_index_sums_differences_of_shares_times_the_logarithm_of_their_ratio() -> None:
    expected = (0.7 - 0.5) * math.log(0.7 / 0.5) + (0.3 - 0.5) * math.log(0.3 / 0.5)
    assert population_stability((0.5, 0.5), (70, 30)) == pytest.approx(expected)


def test_one_odd_row_among_many_is_no_landslide() -> None:
    assert population_stability((0.5, 0.5, 0), (250, 249, 1)) < 0.01


def test_drift_is_not_told_until_the_window_is_full() -> None:
    window = Window([WORD], rows=4)
    assert window.add([{"w": word} for word in "aab"]) == {"w": {0: 2, 1: 1}}
    assert window.stability() == {}
    window.add([{"w": "b"}])
    assert window.stability() == {"w": pytest.approx(0)}


def test_the_window_forgets_what_is_older_than_its_rows() -> None:
    window = Window([WORD, NUMBER], rows=4)
    window.add([{"w": "c", "n": None}] * 4)
    shifted = window.stability()["w"]
    window.add([{"w": word, "n": None} for word in "abab"])
    assert shifted > 1
    assert window.stability()["w"] == pytest.approx(0)
