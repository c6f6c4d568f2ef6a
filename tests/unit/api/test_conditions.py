"""Conditions: their times, and the words behind them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.bodies import a_condition
from support.builders import NOON

import e2i
from e2i.api import conditions
from e2i.api.conditions import Fact, Reason
from e2i.archive.errors import ExportError

CODE = sorted(Path(e2i.__file__).parent.rglob("*.py"))


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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-11-21T12:00:00Z", NOON, id="as Kubernetes writes it"),
        pytest.param("2026-11-21T12:00:00", NOON, id="without a zone it is UTC"),
        pytest.param("2026-11-21T14:00:00+02:00", NOON, id="of another zone it is the same moment"),
        pytest.param(
            "2026-11-21T12:00:00.123456789Z", NOON + timedelta(microseconds=123456), id="in nanoseconds"
        ),
    ],
)
def test_times_that_others_wrote_are_read(text: str, moment: datetime) -> None:
    read = conditions.parse_timestamp(text)
    assert read == moment
    assert read.utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_what_is_no_time_of_our_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|between 1971"):
        conditions.parse_timestamp(text)


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_a_reason_is_one_word_for_machines_and_one_sentence_for_people(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]{2,60}", reason.name)
    assert reason.value[-1] == "."
    assert len(reason.value) < 120


def test_no_two_reasons_share_a_sentence() -> None:
    # Enum would make the second a silent alias of the first.
    assert len(Reason.__members__) == len({reason.value for reason in Reason})


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_a_reason_is_given_somewhere(reason: Reason) -> None:
    code = "".join(path.read_text() for path in CODE if path.name != "conditions.py")
    named = re.search(rf"Reason\.{reason.name}\b|class {reason.name}\(", code)
    assert named, "it stands on the reference page, and nobody can ever meet it"


def test_every_failure_of_an_export_has_a_reason_of_its_name() -> None:
    assert {kind.__name__ for kind in ExportError.__subclasses__()} <= set(Reason.__members__)
