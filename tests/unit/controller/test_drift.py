"""Drift of inputs: what pods show of it, and what is written of it."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import a_body
from support.builders import NOON, a_model, seconds, seen_serving

from e2i.api import naming
from e2i.api.conditions import DRIFTED
from e2i.api.drift_bounds import DriftBounds, is_overlap
from e2i.api.model_body import parse_model
from e2i.controller.core.drift.judgement import LOOKS, Drifted, Judgement, look
from e2i.controller.core.drift.scores import LONGEST_NAME, MOST_FEATURES, mean, parse_scores
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.status.drift_condition import MOST_SHOWN, drift_fact, drift_status, known_drift
from e2i.controller.core.status.transitions import transitions

PAGE = """\
# HELP e2i_input_drift_psi Population stability index of a feature
# TYPE e2i_input_drift_psi gauge
e2i_input_drift_psi{feature="tenure_months",model="churn_model",version="1.2.0"} 0.31
e2i_input_drift_psi{feature="plan",model="churn_model",version="1.2.0"} 1e-05
e2i_input_values_total{bin="[1, 2)",feature="plan",model="churn_model",version="1.2.0"} 7.0
"""


def test_each_feature_is_read_with_its_index() -> None:
    assert parse_scores(PAGE) == {"tenure_months": 0.31, "plan": 1e-05}


def test_where_a_bento_has_several_models_their_names_are_in_front() -> None:
    second = 'e2i_input_drift_psi{feature="plan",model="upsell",version="1"} 0.5\n'
    assert parse_scores(PAGE + second)["upsell.plan"] == 0.5
    assert parse_scores(PAGE + second)["churn_model.plan"] == 1e-05


def test_a_name_stays_the_same_when_another_model_of_the_bento_has_enough_rows() -> None:
    models = "".join(
        f'e2i_prediction_not_finite_total{{model="{name}",version="1"}} 0.0\n'
        for name in ("churn_model", "upsell")
    )
    assert set(parse_scores(PAGE + models)) == {"churn_model.tenure_months", "churn_model.plan"}


def test_the_numbers_that_a_model_predicts_stand_beside_its_features() -> None:
    effects = 'e2i_prediction_drift_psi{model="churn_model",version="1.2.0"} 0.5\n'
    assert parse_scores(PAGE + effects)["prediction"] == 0.5


OUTSIDE = """\
e2i_propensity_drift_psi{model="cate",version="1"} 0.5
e2i_overlap_outside_ratio{model="cate",version="1"} 0.43
e2i_overlap_outside_training_ratio{model="cate",version="1"} 0.03
"""


def test_what_counts_of_the_overlap_is_what_lies_outside_in_addition_to_training() -> None:
    assert parse_scores(OUTSIDE) == {"propensity": 0.5, "overlap": pytest.approx(0.4)}
    fewer = OUTSIDE.replace("0.43", "0.01")
    assert parse_scores(fewer)["overlap"] == 0, "fewer than in training is no drift"
    assert set(parse_scores(PAGE + OUTSIDE)) > {"cate.propensity", "cate.overlap", "churn_model.plan"}


def test_before_enough_rows_nothing_is_said_of_the_overlap() -> None:
    assert parse_scores(OUTSIDE.splitlines(keepends=True)[2]) == {}


@pytest.mark.parametrize("number", ["NaN", "+Inf", "-1.0", "0x10", ""])
def test_what_is_no_index_is_left_out(number: str) -> None:
    assert parse_scores(f'e2i_input_drift_psi{{feature="plan"}} {number}\n') == {}


def test_names_of_features_are_data_of_others_and_stay_short_and_printable() -> None:
    (name,) = parse_scores(f'e2i_input_drift_psi{{feature="a\\"b\\n\\u202e{"x" * 999}"}} 1\n')
    assert name.startswith('a"b ')
    assert name.isprintable()
    assert len(name.encode()) <= LONGEST_NAME
    many = "".join(f'e2i_input_drift_psi{{feature="f{number}"}} 1\n' for number in range(MOST_FEATURES + 9))
    assert len(parse_scores(many)) == MOST_FEATURES


def test_pods_that_show_a_feature_count_alike() -> None:
    assert mean([{"plan": 0.1, "tenure": 1.0}, {"plan": 0.3}]) == {"plan": 0.2, "tenure": 1.0}
    assert mean([]) == {}


def judged(*looks: dict[str, float], bounds: DriftBounds | None = None) -> Judgement:
    judgement = Judgement()
    for scores in looks:
        judgement = look(judgement, scores, bounds or DriftBounds())
    return judgement


def test_only_so_many_looks_in_a_row_say_something() -> None:
    assert judged(*[{"plan": 0.3}] * (LOOKS - 1)).verdict is None
    assert judged(*[{"plan": 0.3}] * LOOKS).verdict == (Drifted("plan", 0.3, 0.25),)
    assert judged(*[{"plan": 0.25}] * LOOKS).verdict == ()


def test_a_look_that_speaks_otherwise_begins_the_row_anew() -> None:
    high, low = {"plan": 0.3}, {"plan": 0.1}
    assert judged(high, high, low, high, high).verdict == ()
    drifted = [high] * LOOKS
    assert judged(*drifted, low, low, high, low, low).verdict == (Drifted("plan", 0.3, 0.25),)
    assert judged(*drifted, *[low] * LOOKS).verdict == ()


@pytest.mark.parametrize("name", ["overlap", "propensity", "prediction", "seen.overlap"])
def test_a_feature_is_not_taken_for_a_figure_of_the_model(name: str) -> None:
    """Else it would have the bound of a share of rows, be told as one, and hide the model's own figure."""
    of_feature = f'e2i_input_drift_psi{{feature="{name}",model="cate",version="1"}} 0.2\n'
    scores = parse_scores(of_feature + OUTSIDE)
    assert scores == {f"{name} (feature)": 0.2, "propensity": 0.5, "overlap": pytest.approx(0.4)}
    assert not is_overlap(f"{name} (feature)")
    assert DriftBounds().of(f"{name} (feature)") == 0.25
    assert f"cate.{name} (feature)" in parse_scores(of_feature + PAGE)


@pytest.mark.parametrize("name", ["overlap", "cate.overlap"])
def test_a_share_of_rows_has_a_bound_of_its_own(name: str) -> None:
    assert judged(*[{name: 0.11}] * LOOKS).verdict == (Drifted(name, 0.11, 0.1),)
    assert judged(*[{name: 0.3}] * LOOKS, bounds=DriftBounds(overlap=0.3)).verdict == ()
    assert judged(*[{name: 0.3}] * LOOKS, bounds=DriftBounds(own={name: 0.4})).verdict == ()


def test_a_look_without_figures_changes_nothing() -> None:
    assert judged({"plan": 0.3}, {}, {"plan": 0.3}, {}, {"plan": 0.3}).verdict
    assert judged(*[{}] * LOOKS).verdict is None


MODEL = a_model()
RELEASE = naming.release_of(MODEL, "sha256:" + "4f" * 32)


def situation(drift: Any, status: dict[str, Any] | None = None) -> Situation:
    model = a_model(status=status)
    return Situation(model, seen_serving(model, drift=drift))


def test_the_largest_are_shown_and_all_are_counted() -> None:
    many = tuple(Drifted(f"feature{number:02}", number / 10, 0.25) for number in range(3, 40))
    here = situation(many)
    status, told = drift_status(here, NOON), drift_fact(here)
    assert len(status["features"]) == MOST_SHOWN
    assert status["features"][0]["name"] == "feature39"
    assert status["drifted"] == len(many)
    assert told
    assert "feature39 3.9 (bound 0.25)" in told.message
    assert "and 32 more" in told.message


def test_overlap_and_effects_are_told_in_words() -> None:
    model = a_model(kind="Causal")
    verdict = (Drifted("overlap", 0.4, 0.1), Drifted("prediction", 0.5, 0.25), Drifted("plan", 0.3, 0.25))
    told = drift_fact(Situation(model, seen_serving(model, drift=verdict)))
    assert told
    assert "overlap: 40% more rows than in training (bound 10%) are like treated rows alone" in told.message
    assert "index of effects (prediction) 0.5 (bound 0.25), plan 0.3 (bound 0.25)." in told.message
    assert told.message.endswith("or raise spec.drift.maxOutsideOverlap and spec.drift.maxPsi")


def test_of_the_overlap_alone_no_index_is_told() -> None:
    told = drift_fact(situation((Drifted("overlap", 0.4, 0.1),)))
    assert told
    assert "population stability index" not in told.message
    assert told.message.endswith("or raise spec.drift.maxOutsideOverlap")


def test_what_was_written_is_read_again() -> None:
    here = situation((Drifted("plan", 0.41234, 0.25),))
    status = {"drift": drift_status(here, NOON), "servingRelease": here.serving}
    assert known_drift(status, here.serving or "") == (Drifted("plan", 0.412, 0.25),)
    assert known_drift(status, "another") == ()
    again = situation(known_drift(status, here.serving or ""), status)
    assert drift_status(again, NOON + seconds(99)) == status["drift"]


@pytest.mark.parametrize(
    "features", [None, "x", [1], [{"name": 1}], [{"name": "plan"}], [{"name": "plan", "score": "much"}]]
)
def test_a_status_that_somebody_edited_says_nothing(features: Any) -> None:
    assert known_drift({"drift": {"release": "r", "features": features}}, "r") == ()


@pytest.mark.parametrize("features", [None, "x", [1], [None, {"score": "0.3"}], [{"name": []}]])
def test_a_status_that_somebody_edited_holds_up_no_look(features: Any) -> None:
    drift = (Drifted("plan", 0.4, 0.25),)
    serving = situation(drift).serving
    edited = situation(
        drift, {"drift": {"release": serving, "features": features}, "servingRelease": serving}
    )
    assert [each["since"] for each in drift_status(edited, NOON)["features"]] == ["2026-11-21T12:00:00Z"]


def test_that_inputs_are_as_trained_is_news_only_after_a_drift() -> None:
    as_trained = {
        "type": DRIFTED,
        "status": "False",
        "reason": "InputsAsTrained",
        "message": "as in training",
    }
    drifted = {"type": DRIFTED, "status": "True", "reason": "InputsDrifted", "message": "plan 0.4"}
    assert list(transitions([], [as_trained])) == []
    assert [(each.reason, each.warning) for each in transitions([drifted], [as_trained])] == [
        ("InputsAsTrained", False)
    ]


def test_an_operator_that_does_not_look_takes_back_what_another_said() -> None:
    here = situation((Drifted("plan", 0.4, 0.25),))
    status = {"drift": drift_status(here, NOON), "servingRelease": here.serving}
    off = situation("off", status)
    assert (drift_fact(off), drift_status(off, NOON)) == (None, {})


@pytest.mark.parametrize("value", ["much", "-1", "nan", "inf"])
def test_a_bound_that_is_none_is_refused_by_name(value: str) -> None:
    model = parse_model(a_body(spec={"drift": {"maxPsiOf": {"plan": value}}}))
    assert model.invalid == f"spec.drift.maxPsiOf.plan is {value!r}, not a number such as 0.25"


@pytest.mark.parametrize("value", ["much", "-0.1", "1.5", "nan", "inf"])
def test_a_bound_of_the_overlap_is_a_share(value: str) -> None:
    model = parse_model(a_body(spec={"drift": {"maxOutsideOverlap": value}}))
    assert model.invalid == f"spec.drift.maxOutsideOverlap is {value!r}, not a share from 0 to 1, such as 0.1"
