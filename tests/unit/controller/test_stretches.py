"""Since when something has held without interruption."""

from __future__ import annotations

from support.builders import NOON, seconds

from e2i.controller.edge.stretches import Stretches

KEY = ("models", "churn")


def test_a_stretch_lasts_as_long_as_the_same_holds() -> None:
    known = Stretches()
    held = ("a", "a", "b", "a", None, "a")
    since = [known.since(KEY, "wait", what, NOON + seconds(number)) for number, what in enumerate(held)]
    assert since == [NOON, NOON, NOON + seconds(2), NOON + seconds(3), None, NOON + seconds(5)]


def test_models_and_topics_are_apart_and_can_be_forgotten() -> None:
    known = Stretches()
    known.since(KEY, "wait", "a", NOON)
    later = NOON + seconds(9)
    assert known.since(("models", "fraud"), "wait", "a", later) == later
    assert known.since(KEY, "problem", "a", later) == later
    assert known.since(KEY, "wait", "a", later) == NOON
    known.forget(KEY)
    assert known.since(KEY, "wait", "a", later) == later
