"""Foreign words in messages: one line, bounded, and never half a secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2i.controller.core.evidence.excerpts import excerpt

SECRET = 'Zq7-pä"ss\\word'


def test_a_short_text_stays_as_it_is() -> None:
    assert excerpt('{"label": "stay"}', 40) == '{"label": "stay"}'


def test_a_long_text_is_cut_and_says_so() -> None:
    assert excerpt("abcdefgh", 5) == "abcd…"


def test_lines_and_signs_that_cannot_be_printed_become_spaces() -> None:
    assert excerpt("a\r\n\tb\x1b[31m\ud800c\x00", 40) == "a b [31m c"


@pytest.mark.parametrize(
    "written",
    [SECRET, json.dumps(SECRET), json.dumps(SECRET, ensure_ascii=False)],
    ids=["as it is", "in JSON", "in JSON beyond ASCII"],
)
def test_a_secret_is_hidden_however_json_writes_it(written: str) -> None:
    assert SECRET[:4] not in excerpt(f"the key is {written}.", 80, (SECRET,))


@given(st.integers(0, 3000), st.integers(1, 40))
def test_no_cut_leaves_a_part_of_a_secret(before: int, times: int) -> None:
    secret = "0123456789abcdef" * 4
    shown = excerpt("x" * before + f"{secret} " * times + "y" * 4000, 100, (secret,))
    assert len(shown) <= 100
    assert "0123" not in shown


def test_what_looks_like_a_secret_is_hidden_too() -> None:
    shown = excerpt('{"token": "abcdefgh12345678", "error": "Bearer abcdefgh12345678"}', 200)
    assert "abcdefgh" not in shown
