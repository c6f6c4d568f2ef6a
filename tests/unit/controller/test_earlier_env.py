"""The annotation with the environment before an edit in place."""

from __future__ import annotations

import pytest

from e2i.controller.core import earlier_env


def test_an_environment_comes_back() -> None:
    env = (("MODE", "A"), ("GREETING", "Grüße 🦊 \ud800"))
    assert earlier_env.decode(earlier_env.encode(env)) == env


def test_none_takes_no_room_and_a_long_one_is_not_kept() -> None:
    assert earlier_env.encode(()) == ""
    assert earlier_env.encode((("A", "x" * earlier_env.LONGEST),)) == ""


@pytest.mark.parametrize("text", ["", "{", "7", "[7]", '[["A"]]', "[" * 100_000, "null"])
def test_a_damaged_annotation_is_no_environment(text: str) -> None:
    assert earlier_env.decode(text) == ()
