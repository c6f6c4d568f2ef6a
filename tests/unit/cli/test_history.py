"""The table of the results of a model's releases."""

from __future__ import annotations

import json

import pytest
import yaml
from support.builders import NOON, seconds
from support.model_bodies import NEW, NEW_DIGEST, NEW_TAG, OLD, OLD_TAG, churn, entry, failure

from e2i.api.conditions import timestamp
from e2i.cli.plugin.history import document, lines
from e2i.cli.plugin.output import age, dump, printable

LATER = NOON + seconds(300)


def test_each_release_is_a_line_with_its_fate_and_what_it_is_now() -> None:
    assert [line.split() for line in lines(churn(), wide=False, moment=LATER)] == [
        ["RELEASE", "BENTO", "RESULT", "REASON", "NOW", "STARTED", "SERVED", "ENDED"],
        [NEW, NEW_TAG, "Serving", "-", "desired,serving", "15m", "5m", "-"],
        [OLD, OLD_TAG, "Superseded", "-", "-", "15m", "5m", "5m"],
    ]


def test_wide_adds_digest_image_restart_and_message() -> None:
    again = entry(
        "0b1d77e2", NEW_TAG, NEW_DIGEST, "Serving", restartAt="2026-11-21", image="registry/churn:new"
    )
    head, first, before, _ = lines(
        churn(history=[again, *churn()["status"]["history"]]), wide=True, moment=LATER
    )
    assert head.split()[-4:] == ["DIGEST", "IMAGE", "RESTART", "MESSAGE"]
    assert first.split()[-4:] == [NEW_DIGEST, "registry/churn:new", "2026-11-21", "-"]
    assert before.split()[-4:] == [NEW_DIGEST, "registry/churn:new", "-", "-"]


def test_a_release_in_quarantine_is_marked() -> None:
    entries = document(churn(failedReleases=[failure(NEW, NEW_TAG, NEW_DIGEST)]))["history"]
    assert [entry["roles"] for entry in entries] == [["desired", "serving", "quarantined"], []]


def test_a_release_that_came_back_is_marked_once() -> None:
    entries = churn()["status"]["history"]
    again = churn(history=[*entries, entry(NEW, NEW_TAG, NEW_DIGEST, "Superseded")])
    assert [each["roles"] for each in document(again)["history"]] == [["desired", "serving"], [], []]


def test_a_model_without_history_says_so() -> None:
    assert lines(churn(history=[]), wide=False, moment=LATER) == [
        "churn has no history: no release has served or failed yet."
    ]


@pytest.mark.parametrize(
    ("after", "shown"),
    [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d")],
)
def test_ages_are_short(after: int, shown: str) -> None:
    assert age(timestamp(NOON), NOON + seconds(after)) == shown


def test_no_time_has_no_age() -> None:
    assert age(None, NOON) == ""


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_outside_of_our_days_has_no_age(since: str) -> None:
    assert age(since, NOON) == "?"


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_documents_for_machines_hold_the_text_and_steer_no_terminal(form: str) -> None:
    value = {"message": "ä\x1b[31m\x9b\u202e\U000e0001"}
    shown = dump(value, form)
    assert all(line.isprintable() for line in shown.splitlines())
    assert (json.loads if form == "json" else yaml.safe_load)(shown) == value


def test_text_of_others_becomes_one_harmless_line() -> None:
    assert printable("a\n\tb\x1b[31mc\u202ed") == "a b [31mc d"
