"""Parses untrusted JSON texts within bounds: expectations of a spec, answers of a model. Pure.

Numbers keep their decimal digits: 0.31 differs from 0.30 by exactly 0.01.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Value = Any
"""None, bool, str, list, dict; a number is an int, a Decimal, or a float if it is not finite."""

MAX_DEPTH = 64
MAX_VALUES = 20_000
"""More than any golden prediction needs. It bounds the time of checking one answer."""

_DIGITS = 300
"""Integers of up to this many digits are within the range of a float."""
_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
"""A string, also one without an end, so the scan takes linear time."""
_BRACKET = re.compile(r"[\[{\]}]")
_INFINITE = re.compile(rf"NaN|Infinity|[0-9][eE]|[0-9]{{{_DIGITS}}}")
"""What a text must have for a number that is not finite."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class JsonInvalid(ValueError):
    """The text is not JSON, or exceeds the bounds. The message is a clause that says what is wrong."""


def read(text: str) -> Value:
    """Parse a JSON text; also NaN and Infinity, because models write them. JsonInvalid if it is not JSON."""
    _check_bounds(text)
    try:
        return json.loads(text, parse_float=_fraction, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise JsonInvalid(f"{error.msg.removesuffix(' at')} at character {error.pos + 1}") from None


def _check_bounds(text: str) -> None:
    """JsonInvalid if the text exceeds the bounds. Checked first, because the parser follows nesting by recursion."""
    bare = _STRING.sub("", text)
    if sum(map(bare.count, "[{,")) > MAX_VALUES:
        raise JsonInvalid(f"more than {MAX_VALUES} values")
    depth = 0
    for bracket in _BRACKET.findall(bare):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise JsonInvalid(f"nested deeper than {MAX_DEPTH} levels")


def _fraction(digits: str) -> Decimal | float:
    """Return a Decimal within the range of a float, else the float: 1e999 is Infinity."""
    rough = float(digits)
    if not rough:
        return Decimal(0)
    return Decimal(digits) if math.isfinite(rough) else rough


def _integer(digits: str) -> int | Decimal | float:
    return int(digits) if len(digits) <= _DIGITS else _fraction(digits)


def may_be_infinite(text: str) -> bool:
    """Return whether a number in the text may be no finite one: quick, and certain if it is False."""
    return _INFINITE.search(text) is not None


def is_number(value: Value) -> bool:
    """Return whether the value is a number; true and false are not."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def not_finite(value: Value, place: str = "$") -> Iterator[tuple[str, Value]]:
    """Return (place, value) of every NaN and infinity."""
    if isinstance(value, float):
        yield place, value
    elif isinstance(value, list | dict):
        for where, part in parts(value, place):
            yield from not_finite(part, where)


def parts(value: list[Value] | dict[str, Value], place: str) -> Iterator[tuple[str, Value]]:
    """Return (place, item) for each item of a list or an object, with places such as $.a[0]."""
    if isinstance(value, list):
        yield from ((f"{place}[{index}]", part) for index, part in enumerate(value))
    else:
        yield from ((f"{place}{_step(key)}", part) for key, part in value.items())


def place_of(steps: tuple[str | int, ...]) -> str:
    """Return the steps as a path: ("a", 0, "b c") -> $.a[0]['b c']"""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else _step(step) for step in steps)


def _step(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{key!r}]"


def show(value: Value) -> str:
    """Return the value as JSON text for a message."""
    return json.dumps(value, ensure_ascii=False, default=float)
