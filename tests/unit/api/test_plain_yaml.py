"""YAML of strangers: plain values within bounds, or one clause that says what is wrong."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.deep import examples
from support.mutations import seeded

from e2i.api.plain_yaml import MAX_BYTES, YamlInvalid, read

BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
)
"""690 bytes that describe ten thousand million texts."""
PLAIN = b"""\
name: churn
version: '1.10'
spec: 2
services:
- {name: churn, models: [], config: {workers: 1, metrics: {enabled: true}}}
labels: {"a": b, empty: , tilde: ~}
creation_time: 2026-11-21T12:00:00.000000+00:00
docker: |
  FROM x
  RUN y
"""


def test_plain_values() -> None:
    assert read(PLAIN) == {
        "name": "churn",
        "version": "1.10",
        "spec": 2,
        "services": [{"name": "churn", "models": [], "config": {"workers": 1, "metrics": {"enabled": True}}}],
        "labels": {"a": "b", "empty": None, "tilde": None},
        "creation_time": "2026-11-21T12:00:00.000000+00:00",
        "docker": "FROM x\nRUN y\n",
    }
    assert read(b"version: 1.10") == {"version": "1.10"}, "no number, which would become 1.1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(BOMB, "has an anchor or an alias in line 1", id="aliases within aliases"),
        pytest.param("<<: {name: churn}", "has a merge key", id="a merge key"),
        pytest.param("[" * 100_000, "is nested deeper than 32 levels", id="nesting"),
        pytest.param("{a: " * 100_000, "is nested deeper than 32 levels", id="nested objects"),
        pytest.param("- " * 100_000, "is nested deeper than 32 levels", id="nested blocks"),
        pytest.param("- a\n" * 60_000, "has more than 50000 values", id="many values"),
        pytest.param("a" * (MAX_BYTES + 1), f"has more than {MAX_BYTES} bytes", id="many bytes"),
        pytest.param("a: 1\n---\nb: 2\n", "has more than one document", id="two documents"),
        pytest.param("[a]: 1", "has a list or an object as a key", id="a list as a key"),
        pytest.param("a: [1", "is not YAML (ParserError in line 2)", id="an open bracket"),
        pytest.param("a: \x00", "is not YAML (ReaderError)", id="a null byte"),
    ],
)
def test_what_is_refused_is_refused_at_once(text: str, problem: str) -> None:
    begun = time.process_time()
    with pytest.raises(YamlInvalid) as refused:
        read(text.encode())
    assert problem in str(refused.value)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "version", ["09234953", "00", "0", "12", "1e5", "1.0", "0x1f", "-7", "null", "1_000"]
)
def test_a_text_that_yaml_wrote_is_read_as_a_text(version: str) -> None:
    assert read(yaml.safe_dump({"version": version}).encode()) == {"version": version}


@pytest.mark.parametrize("number", [0, 7, -7, 10**17])
def test_a_number_that_yaml_wrote_is_read_as_a_number(number: int) -> None:
    assert read(yaml.safe_dump({"size": number}).encode()) == {"size": number}


def test_a_tag_makes_no_object() -> None:
    assert read(b"a: !!python/object/apply:os.system [id]\nb: !!int '7'") == {"a": ["id"], "b": "7"}


def test_the_largest_text_is_read_fast() -> None:
    begun = time.process_time()
    read(b"- abcdefghijklmnop\n" * 49_000)
    assert time.process_time() - begun < 3


@settings(max_examples=examples(200))
@given(seed=st.integers(0, 2**32))
def test_any_text_is_a_value_or_is_refused(seed: int) -> None:
    dice, text = seeded(seed), bytearray(PLAIN)
    for _ in range(dice.randint(1, 20)):
        place = dice.randrange(len(text))
        text[place : place + dice.randint(0, 4)] = dice.choice(
            [b"\n", b"- ", b": ", b"[", b"}", b"&a ", b"*a", b"\xff", b"'", b"|", b"\t", b"? ", b"!", b"  "]
        ) * dice.choice([1, 1, 1, 40])
    try:
        value = read(bytes(text))
    except YamlInvalid:
        return
    assert yaml.safe_dump(value)
