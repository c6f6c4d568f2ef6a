"""What is recorded of failing releases: complete, about one reason each, and of no particular machine."""

from __future__ import annotations

import re

import pytest
from support import reasons
from support.causes import CAUSES, NOT_TAKEN_BACK
from support.reasons import Told

from e2i.api.conditions import Reason

RECORDED = reasons.recorded()
each_example = pytest.mark.parametrize(
    "told", RECORDED, ids=lambda told: f"{told['reason']}: {told['situation']}"
)


@pytest.mark.parametrize("reason", reasons.OF_RELEASES, ids=lambda reason: reason.name)
def test_every_reason_for_which_a_release_fails_was_brought_about(reason: Reason) -> None:
    """If not: add a cause, then E2I_RECORD_REASONS=1 pytest tests/e2e/test_failures.py"""
    assert reason.name in [told["reason"] for told in RECORDED]


def test_what_is_recorded_are_the_causes_that_the_test_brings_about() -> None:
    played = [(cause.situation, reason.name) for cause in (*CAUSES, *NOT_TAKEN_BACK) for reason in cause.told]
    assert [(told["situation"], told["reason"]) for told in RECORDED] == played


@each_example
def test_event_and_log_line_give_the_reason_and_the_same_words(told: Told) -> None:
    assert told["event"]["reason"] == told["log"]["reason"] == told["reason"]
    assert told["event"]["message"] in told["log"]["message"]


@each_example
def test_an_example_names_nothing_of_the_run_it_was_taken_from(told: Told) -> None:
    words = str(told)
    assert not re.search(r"operator-[0-9a-f]{8}", words)
    assert not re.search(r"(?<![\w/:…])/(?!predict)[\w.-]+/[\w.-]+", words)
    assert not re.search(r"\b(10|127)(\.\d{1,3}){3}", words)
    assert set(re.findall(r"\b20\d\d-\d\d-\d\dT[\d:.]+", words)) <= {"2026-11-21T12:00:00"}
