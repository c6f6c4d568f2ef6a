"""Conditions: their times, and the words behind them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from support.bodies import a_condition
from support.builders import NOON

from e2i.core import conditions
from e2i.core.conditions import Fact, Reason


def a_fact(status: conditions.Status = "True", reason: Reason = Reason.Ready) -> Fact:
    return Fact(type="Ready", status=status, reason=reason, message="words")


def test_a_new_condition_begins_now() -> None:
    (written,) = conditions.merge_conditions((), (a_fact(),), 7, NOON)
    assert written == {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "words",
        "observedGeneration": 7,
        "lastTransitionTime": "2026-11-21T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("status", "moved"),
    [
        pytest.param("True", False, id="another reason under the same status keeps the time"),
        pytest.param("False", True, id="another status moves the time"),
    ],
)
def test_the_time_moves_with_the_status_alone(status: conditions.Status, moved: bool) -> None:
    old = a_condition("Ready", "True", at=NOON - timedelta(hours=1))
    (written,) = conditions.merge_conditions((old,), (a_fact(status, Reason.Scaling),), 1, NOON)
    assert (written["lastTransitionTime"] != old["lastTransitionTime"]) is moved


def test_a_condition_that_is_no_longer_a_fact_is_dropped() -> None:
    assert conditions.merge_conditions((a_condition("Stalled", "True"),), (), 1, NOON) == []


def test_a_time_is_read_back_as_it_was_written() -> None:
    assert conditions.parse_timestamp(conditions.timestamp(NOON)) == NOON


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_a_reason_is_one_word_for_machines_and_one_sentence_for_people(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]{2,60}", reason.name)
    assert reason.value[-1] == "."
    assert len(reason.value) < 120


def test_no_two_reasons_share_a_sentence() -> None:
    # Enum would make the second a silent alias of the first.
    assert len(Reason.__members__) == len({reason.value for reason in Reason})
