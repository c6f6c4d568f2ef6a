"""JSON texts of strangers, read within bounds: expectations from a spec, answers of a model. Pure.

Numbers keep the digits they were written with: 0.31 differs from 0.30 by 0.01, and by nothing more.
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
"""More than any golden prediction needs; it bounds how long checking one answer can take."""

_DIGITS = 300
"""Integers up to this length are within the range of a float."""
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[\[{]|[\]}]|,', re.DOTALL)
"""Strings, brackets and commas. A string that never ends is one match too, so the scan takes linear time."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class JsonInvalid(ValueError):
    """The text is no JSON, or not within the bounds; the message is a clause that says what is wrong."""


def read(text: str) -> Value:
    """The value of a JSON text; NaN and the infinities are read, because models write them. Raises JsonInvalid."""
    _check_bounds(text)
    try:
        return json.loads(text, parse_float=_fraction, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise JsonInvalid(f"{error.msg.removesuffix(' at')} at character {error.pos + 1}") from None


def _check_bounds(text: str) -> None:
    """The parser follows nested lists by recursion, so their depth is counted before it is called."""
    depth = values = 0
    for match in _STRUCTURE.finditer(text):
        sign = match[0]
        values += sign in "[{,"
        depth += (sign in "[{") - (sign in "]}")
        if depth > MAX_DEPTH:
            raise JsonInvalid(f"nested deeper than {MAX_DEPTH} levels")
        if values > MAX_VALUES:
            raise JsonInvalid(f"more than {MAX_VALUES} values")


def _fraction(digits: str) -> Decimal | float:
    """Decimal within the range of a float, beyond it what a float makes of it: 1e999 is Infinity."""
    rough = float(digits)
    if not rough:
        return Decimal(0)
    return Decimal(digits) if math.isfinite(rough) else rough


def _integer(digits: str) -> int | Decimal | float:
    return int(digits) if len(digits) <= _DIGITS else _fraction(digits)


def is_number(value: Value) -> bool:
    """True for what is written as a number; true and false are none."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def not_finite(value: Value, place: str = "$") -> Iterator[tuple[str, Value]]:
    """(place, value) of every NaN and infinity in it."""
    if isinstance(value, float):
        yield place, value
    elif isinstance(value, list | dict):
        for where, part in parts(value, place):
            yield from not_finite(part, where)


def parts(value: list[Value] | dict[str, Value], place: str) -> Iterator[tuple[str, Value]]:
    """What a list or an object holds, with the place of each: $.a[0]"""
    if isinstance(value, list):
        yield from ((f"{place}[{index}]", part) for index, part in enumerate(value))
    else:
        yield from ((f"{place}{_step(key)}", part) for key, part in value.items())


def place_of(steps: tuple[str | int, ...]) -> str:
    """("a", 0, "b c") -> $.a[0]['b c']"""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else _step(step) for step in steps)


def _step(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{key!r}]"


def show(value: Value) -> str:
    """The value as JSON text, to stand in a sentence."""
    return json.dumps(value, ensure_ascii=False, default=float)
