"""Which of several events is the newest: those of the older and of the newer API have their times in other fields."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.controller.core.evidence.newest_event import newest_message

OLD: dict[str, Any] = {"message": "old.", "lastTimestamp": "2026-11-30T03:00:00Z"}


@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"lastTimestamp": "2026-11-30T03:00:01Z"}, id="of the older API"),
        pytest.param(
            {"lastTimestamp": None, "eventTime": "2026-11-30T03:00:01.000000Z"}, id="of the newer API"
        ),
        pytest.param(
            {"eventTime": "2026-11-30T02:00:00Z", "series": {"lastObservedTime": "2026-11-30T03:00:01Z"}},
            id="one that came again",
        ),
    ],
)
def test_the_newest_event_is_told_whatever_their_order(times: dict[str, Any]) -> None:
    new = {"message": "no such \u2028 volume.", **times}
    assert newest_message([OLD, new]) == newest_message([new, OLD]) == "no such volume"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"message": 7},
        {"message": "\u200b"},
        {"message": "x", "series": "x"},
        {"message": "x", "series": {}},
    ],
)
def test_an_odd_event_says_nothing_or_what_it_has(event: dict[str, Any]) -> None:
    assert newest_message([event]) == ("x" if event.get("message") == "x" else "")
