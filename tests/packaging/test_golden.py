"""Which inputs are kept as golden, and what is not finite."""

from __future__ import annotations

import math

import pytest

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.golden import check_finite, choose_golden, evenly_spaced


def test_positions_are_spread_from_the_first_to_the_last() -> None:
    assert evenly_spaced(10, 4) == [0, 3, 6, 9]
    assert evenly_spaced(3, 8) == [0, 1, 2]


def test_every_label_has_a_golden_input_and_the_ends_are_among_them() -> None:
    answers = [
        {
            "label": "rare" if number == 50 else "usual",
            "probabilities": {"rare": number / 100, "usual": 1 - number / 100},
        }
        for number in range(100)
    ]
    rows = [{"x": number} for number in range(100)]
    chosen = choose_golden(rows, answers)
    assert len(chosen) == 8
    assert {0, 50, 99} <= set(chosen)


def test_an_input_with_a_missing_value_is_among_them() -> None:
    rows = [{"x": None if number == 37 else number} for number in range(100)]
    assert 37 in choose_golden(rows, [{"value": float(number)} for number in range(100)])


def test_the_same_input_is_not_kept_twice() -> None:
    assert len(choose_golden([{"x": 1}] * 20, [{"value": 1.0}] * 20)) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"value": math.nan}, "value = nan"),
        ({"label": "a", "probabilities": {"a": math.inf, "b": 0.0}}, "probabilities.a = inf"),
    ],
)
def test_a_number_that_is_none_is_told_with_row_and_field(answer: dict[str, object], told: str) -> None:
    with pytest.raises(PackagingError, match="row 12 ") as refused:
        check_finite([{"x": 1}], [answer], [12])
    assert refused.value.reason is ErrorReason.OutputNotFinite
    assert told in refused.value.message
