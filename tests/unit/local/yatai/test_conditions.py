"""Conditions: times move with the status only, the order stays."""

from __future__ import annotations

import pytest

from e2i.local.yatai.conditions import Condition, all_unknown, merge_conditions

BEFORE = "2026-01-01T00:00:00Z"
NOW = "2026-01-01T00:01:00Z"


def stored(status: str, message: str = "old", since: str = BEFORE) -> dict[str, str]:
    return {
        "type": "Available",
        "status": status,
        "reason": "Reconciling",
        "message": message,
        "lastTransitionTime": since,
    }


@pytest.mark.parametrize(
    ("status", "since"),
    [pytest.param("True", BEFORE, id="same status"), pytest.param("False", NOW, id="another status")],
)
def test_the_time_moves_with_the_status_only(status: str, since: str) -> None:
    new = Condition("Available", status, "new")  # type: ignore[arg-type]
    assert merge_conditions([stored("True")], [new], NOW) == [stored(status, "new", since)]


def test_a_new_condition_comes_last_and_the_old_ones_stay() -> None:
    merged = merge_conditions([stored("True")], [Condition("BentoFound", "True", "Bento found")], NOW)
    assert [condition["type"] for condition in merged] == ["Available", "BentoFound"]


def test_forgetting_keeps_type_and_reason() -> None:
    item = {"status": {"conditions": [stored("True") | {"reason": "Timeout"}]}}
    assert all_unknown(item, "again") == [Condition("Available", "Unknown", "again", "Timeout")]
