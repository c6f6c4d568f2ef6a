"""Texts of strangers: one line, printable, and no longer in bytes than there is room for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2i.api.plain_text import clean, cut


@given(st.text(st.characters(), max_size=300), st.integers(3, 200))
def test_any_text_is_clean(text: str, most: int) -> None:
    line = clean(text, most)
    assert line.isprintable()
    assert len(line.encode()) <= most


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no room\n  on any node", "no room on any node"),
        ("\x1b[2J\x9b31mred\x07", "[2J 31mred"),
        ("half \ud83d a pair", "half a pair"),
        ("\u202etxt.exe\u2066 \ufeff\x00", "txt.exe"),
        ("größer als 3 €", "größer als 3 €"),
    ],
)
def test_what_would_steer_a_terminal_is_left_out(text: str, line: str) -> None:
    assert clean(text, 100) == line


def test_a_text_is_cut_by_its_bytes_between_two_characters() -> None:
    assert cut("\N{PILE OF POO}" * 10, 16) == "\N{PILE OF POO}" * 3 + "…"
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abc…"


def test_the_end_of_a_huge_text_costs_nothing() -> None:
    begun = time.process_time()
    assert len(clean("\x00x" * 5_000_000, 1024).encode()) <= 1024
    assert time.process_time() - begun < 1
