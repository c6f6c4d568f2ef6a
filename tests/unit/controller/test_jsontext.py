"""JSON of strangers: bounded in depth and number, exact in its digits, and NaN by its place."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2i.controller.core.verification import jsonpaths, jsontext

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_reading_gives_what_the_standard_library_gives(value: object) -> None:
    text = json.dumps(value, default=float)
    assert json.loads(jsontext.show(jsontext.read(text))) == json.loads(text)


def test_numbers_keep_the_digits_they_were_written_with() -> None:
    assert jsontext.read("[0.31, 0.30, 2, 1e2]") == [Decimal("0.31"), Decimal("0.30"), 2, 100]


@pytest.mark.parametrize("text", ["1e-9999999999999999999", "0.0", "-0e5"])
def test_what_is_nearer_to_zero_than_any_float_is_zero(text: str) -> None:
    assert jsontext.read(text) == 0


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "1e99999999999999999999", "9" * 5000]
)
def test_what_is_no_finite_float_is_found_with_its_place(text: str) -> None:
    found = list(jsontext.not_finite(jsontext.read(f'{{"a b": [1, {text}], "c": null}}')))
    assert [place for place, _ in found] == ["$['a b'][1]"]


def test_integers_as_long_as_a_float_can_hold_are_numbers() -> None:
    value = jsontext.read("[" + "9" * 305 + "]")
    assert jsontext.is_number(value[0])
    assert not list(jsontext.not_finite(value))


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        pytest.param("[" * 5000 + "]" * 5000, "nested deeper than 64 levels", id="5000 nested lists"),
        pytest.param('{"a":' * 65 + "1" + "}" * 65, "nested deeper than 64 levels", id="65 nested objects"),
        pytest.param("[" + "1," * 20_001 + "1]", "more than 20000 values", id="a list of 20002"),
        pytest.param("[" + "{}," * 11_000 + "1]", "more than 20000 values", id="a list of 11000 objects"),
        pytest.param("", "Expecting value at character 1", id="empty"),
        pytest.param('"abc', "Unterminated string starting at character 1", id="a string without end"),
        pytest.param('{"a": 1} x', "Extra data at character 10", id="two things"),
    ],
)
def test_what_is_no_json_or_too_much_of_it_is_refused(text: str, clause: str) -> None:
    with pytest.raises(jsontext.JsonInvalid) as caught:
        jsontext.read(text)
    assert str(caught.value) == clause


def test_brackets_and_commas_inside_a_string_do_not_count() -> None:
    text = json.dumps(["[" * 100 + "," * 30_000 + '\\"[{'])
    assert jsontext.read(text) == json.loads(text)


@pytest.mark.parametrize("pattern", ['\\"', '"', '"\\', "[],", "\\", '{"'])
def test_a_mebibyte_of_anything_is_scanned_in_a_moment(pattern: str) -> None:
    text = '"' + pattern * (2**20 // len(pattern))
    began = time.process_time()
    with pytest.raises(jsontext.JsonInvalid):
        jsontext.read(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("$", "text", [("$", "text")]),
        ("$", 3, [("$", 3)]),
        ("$.a", "text", []),
        ("$.a", {"a": None}, [("$.a", None)]),
        ("$.a", [1], []),
        ("$.a[0]", {"a": "stay"}, []),
        ("$[-1]", [1, 2], [("$[1]", 2)]),
        ("$[*]", {"a": 1, "b c": 2}, [("$.a", 1), ("$['b c']", 2)]),
        ("$.a[*].b", {"a": [{"b": 1}, {}, {"b": 2}]}, [("$.a[0].b", 1), ("$.a[2].b", 2)]),
        ("$['true'].null.and", {"true": {"null": {"and": 1}}}, [("$.true.null.and", 1)]),
    ],
)
def test_a_path_finds_values_and_says_where_they_stand(
    path: str, value: object, found: list[tuple[str, object]]
) -> None:
    assert jsonpaths.find(jsonpaths.check_path(path), value) == found


@given(st.from_regex(jsonpaths.ALLOWED, fullmatch=True))
def test_a_path_that_is_accepted_can_be_followed(path: str) -> None:
    assert jsonpaths.find(jsonpaths.check_path(path), [{}]) is not None


@pytest.mark.parametrize(
    "path", ["label", "$..a", "$[?@.a]", "$[0:2]", "$.a b", "$['a\\'b']", "$.*", "$~", "$.a | $.b"]
)
def test_a_path_that_searches_filters_or_computes_is_refused(path: str) -> None:
    with pytest.raises(jsonpaths.PathInvalid):
        jsonpaths.check_path(path)
