"""Who was treated, learned from the features: where treated and untreated rows were both seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.overlap_fit import LEAST_OF_EACH, fit_overlap, optimal_cutoff
from e2i.packaging.schema import infer_feature, json_rows
from e2i_bento.card import Overlap
from e2i_bento.overlap import propensity_score

FEATURES = ["spend", "visits", "region"]


def customers(count: int = 2000) -> pd.DataFrame:
    """A number, one that some rows lack, and a category."""
    rng = np.random.default_rng(3)
    visits = np.where(rng.random(count) < 0.2, np.nan, rng.poisson(4, count))
    return pd.DataFrame(
        {"spend": rng.normal(80, 20, count), "visits": visits, "region": rng.choice(["east", "west"], count)}
    )


def chance(log_odds: Any) -> Any:
    return 1 / (1 + np.exp(-log_odds))


def treated_by(chances: Any, table: pd.DataFrame) -> pd.DataFrame:
    drawn = np.random.default_rng(4).random(len(table)) < chances
    return table.assign(discount=drawn.astype(int))


def fitted(table: pd.DataFrame, said: list[str] | None = None, treatment: str = "discount") -> Overlap | None:
    features = [infer_feature(name, table[name], {}) for name in FEATURES]
    return fit_overlap(table, treatment, features, (said if said is not None else []).append)


def test_the_chances_are_near_the_true_ones_also_where_the_middle_is_treated() -> None:
    table = customers()
    truth = chance(
        1 - abs(table.spend - 80) / 15 + 1.5 * table.visits.isna() + 0.8 * (table.region == "east")
    )
    said: list[str] = []
    found = fitted(treated_by(truth, table), said)
    assert found
    scores = [propensity_score(found.propensity, row) for row in json_rows(table[FEATURES])]
    assert float(np.sqrt(np.mean((scores - truth) ** 2))) < 0.05
    assert found.auc > 0.7
    assert found.calibration_error < 0.05
    assert "where the chance of discount 1 is from" in said[0]


def test_rows_of_one_group_alone_lie_outside() -> None:
    table = customers()
    said: list[str] = []
    found = fitted(treated_by(chance((table.spend - 80) / 3), table), said)
    assert found
    assert found.outside > 0.3
    assert "Their effects are guesses" in said[0]
    rich, usual = ({"spend": spend, "visits": 4.0, "region": "east"} for spend in (150, 80))
    assert propensity_score(found.propensity, rich) > found.high
    assert found.low < propensity_score(found.propensity, usual) < found.high


def test_who_was_treated_by_lot_overlaps_everywhere() -> None:
    said: list[str] = []
    found = fitted(treated_by(0.05, customers()), said)
    assert found
    assert (found.propensity.weights, found.outside) == ((), 0)
    far = {"spend": 9e9, "visits": None, "region": "east"}
    assert found.low <= propensity_score(found.propensity, far) <= found.high
    assert said == ["overlap: everywhere. The features do not tell who gets discount 1"]


def test_the_same_data_give_the_same_overlap() -> None:
    table = treated_by(chance((customers().spend - 80) / 20), customers())
    assert fitted(table) == fitted(table.copy())


@pytest.mark.parametrize("values", [1, np.nan, "yes"])
def test_one_treatment_in_every_row_is_refused(values: Any) -> None:
    with pytest.raises(PackagingError) as refused:
        fitted(customers(50).assign(discount=values))
    assert refused.value.reason is ErrorReason.SingleTreatment
    assert "right column with --treatment" in refused.value.message


@pytest.mark.parametrize(
    ("treatment", "why"),
    [
        pytest.param(range(50), "has 50 different values, and a propensity is the chance", id="a dose"),
        pytest.param([0, 1, 2, 1, 0] * 10, "package a model for each, wrapped with T0 and T1", id="three"),
        pytest.param(
            [1] * (LEAST_OF_EACH - 1) + [0] * (51 - LEAST_OF_EACH), "only 19 rows have discount 1", id="few"
        ),
    ],
)
def test_what_cannot_be_told_is_said_and_not_measured(treatment: Any, why: str) -> None:
    said: list[str] = []
    assert fitted(customers(50).assign(discount=list(treatment)), said) is None
    assert said[0].startswith("overlap is not measured: ")
    assert why in said[0]


@pytest.mark.parametrize(("names", "treated"), [((False, True), "True"), (("no", "yes"), "yes")])
def test_a_treatment_may_be_said_in_words(names: tuple[Any, Any], treated: str) -> None:
    table = treated_by(chance((customers().spend - 80) / 20), customers())
    found = fitted(table.assign(discount=[names[each] for each in table.discount]))
    assert found
    assert found.propensity.treated == treated


def test_no_row_goes_where_the_treatment_is_rare_among_all_alike() -> None:
    assert optimal_cutoff(np.full(100, 0.02)) == 0
    assert optimal_cutoff(np.linspace(0.2, 0.8, 99)) == 0


def test_rows_that_cost_more_than_they_tell_go_near_the_usual_tenth() -> None:
    assert optimal_cutoff(np.linspace(0.0005, 0.9995, 999)) == pytest.approx(0.1, abs=0.03)
