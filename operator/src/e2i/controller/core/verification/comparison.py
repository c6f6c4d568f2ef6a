"""Compares an answer with the expected one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from e2i.api.conditions import Reason
from e2i.controller.core.verification import jsonpaths
from e2i.controller.core.verification.checks import FieldRule
from e2i.controller.core.verification.jsontext import Value, is_number, parts, show

MISSING = "missing"
_WRITTEN_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`place` should be `wanted`, but is `found`: three clauses of any length."""

    reason: Reason = Reason.VerificationFailed
    place: str
    wanted: str
    found: str
    hint: str = ""
    """What to do about it, if that is more than its reason says."""


def differences(
    wanted: Value, found: Value, tolerance: Decimal, *, subset: bool = False, place: str = "$"
) -> Iterator[Difference]:
    """Return all differences in the order of the answer. `subset`: objects may have more keys than `wanted`."""
    if is_number(wanted):
        yield from _numeric(wanted, found, tolerance, place)
    elif isinstance(wanted, dict) and isinstance(found, dict):
        yield from _by_key(wanted, found, tolerance, subset, place)
    elif isinstance(wanted, list) and isinstance(found, list):
        yield from _by_item(wanted, found, tolerance, subset, place)
    elif type(wanted) is not type(found) or wanted != found:
        yield Difference(place=place, wanted=show(wanted), found=show(found))


def _numeric(wanted: Value, found: Value, tolerance: Decimal, place: str) -> Iterator[Difference]:
    phrase = f"{show(wanted)} (± {tolerance})" if tolerance else show(wanted)
    if is_number(found):
        if abs(Decimal(found) - Decimal(wanted)) > tolerance:
            yield Difference(place=place, wanted=phrase, found=show(found))
    else:
        yield no_number(place, phrase, found, Reason.VerificationFailed)


def _by_key(
    wanted: dict[str, Any], found: dict[str, Any], tolerance: Decimal, subset: bool, place: str
) -> Iterator[Difference]:
    for where, key in zip((where for where, _ in parts(wanted, place)), wanted, strict=True):
        if key in found:
            yield from differences(wanted[key], found[key], tolerance, subset=subset, place=where)
        else:
            yield Difference(place=where, wanted=show(wanted[key]), found=MISSING)
    extra = {} if subset else {key: found[key] for key in found if key not in wanted}
    for where, value in parts(extra, place):
        yield Difference(place=where, wanted="absent", found=show(value))


def _by_item(
    wanted: list[Any], found: list[Any], tolerance: Decimal, subset: bool, place: str
) -> Iterator[Difference]:
    if len(wanted) != len(found):
        yield Difference(
            place=place,
            wanted=f"{len(wanted)} long: {show(wanted)}",
            found=f"{len(found)} long: {show(found)}",
        )
    for (where, item), other in zip(parts(wanted, place), found, strict=False):
        yield from differences(item, other, tolerance, subset=subset, place=where)


def field_differences(rule: FieldRule, answer: Value, tolerance: Decimal) -> Iterator[Difference]:
    """Return the differences at all places that the rule's path finds."""
    found = jsonpaths.find(rule.path, answer)
    if not found:
        yield Difference(place=rule.path, wanted=_wanted_words(rule), found=MISSING)
    for place, value in found:
        if rule.equals is not None:
            yield from differences(rule.equals.value, value, tolerance, place=place)
        if rule.minimum is not None or rule.maximum is not None:
            yield from outside(place, value, rule.minimum, rule.maximum, Reason.VerificationFailed)


def _wanted_words(rule: FieldRule) -> str:
    return show(rule.equals.value) if rule.equals else _range_words(rule.minimum, rule.maximum)


def outside(
    place: str, value: Value, minimum: Decimal | None, maximum: Decimal | None, reason: Reason
) -> Iterator[Difference]:
    """Return a difference if the value is not a number within the bounds. `reason` is used for finite numbers."""
    phrase = _range_words(minimum, maximum)
    if not is_number(value):
        yield no_number(place, phrase, value, reason)
    elif (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        yield Difference(reason=reason, place=place, wanted=phrase, found=show(value))


def _range_words(minimum: Decimal | None, maximum: Decimal | None) -> str:
    bounds = (("at least", minimum), ("at most", maximum))
    words = [f"{word} {bound}" for word, bound in bounds if bound is not None]
    return f"a number of {' and '.join(words)}" if words else "a finite number"


def no_number(place: str, wanted: str, found: Value, reason: Reason) -> Difference:
    """Return the difference for a value that is not a number.

    A NaN may arrive as null or as text: BentoML writes null inside objects and arrays, and NaN in a plain list.
    """
    lost = found is None or (isinstance(found, str) and _WRITTEN_NOT_FINITE.fullmatch(found) is not None)
    return Difference(
        reason=Reason.PredictionNotFinite if lost else reason, place=place, wanted=wanted, found=show(found)
    )
