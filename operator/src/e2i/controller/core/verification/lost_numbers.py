"""Finds nulls where the other items of a list have numbers: BentoML writes a NaN inside an object as null. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from e2i.api.conditions import Reason
from e2i.controller.core.verification import jsonpaths
from e2i.controller.core.verification.checks import Check
from e2i.controller.core.verification.comparison import Difference
from e2i.controller.core.verification.jsontext import Value, is_number, parts

_HINT = (
    "BentoML writes a NaN in an object as null. Release a bento that answers this request with finite numbers; if null "
    "is right there, write it into {place}.expect, in body, subset or equals."
)


def lost_numbers(check: Check, answer: Value) -> Iterator[Difference]:
    """Return each null of the answer in whose place other items of the same list have nothing but numbers.

    [{"price": 3.5}, {"price": null}] -> $[1].price. A null that the check expects in this place is right.
    """
    wanted = [one.value for one in (check.expect.body, check.expect.subset) if one is not None]
    named = {
        place
        for rule in check.expect.fields
        if rule.equals is not None
        for place, _ in jsonpaths.find(rule.path, answer)
    }
    by_path: dict[str, list[tuple[str, Value]]] = {}
    for path, place, value in _leaves(answer):
        by_path.setdefault(path, []).append((place, value))
    for found in by_path.values():
        values = [value for _, value in found if value is not None]
        if not values or len(values) == len(found) or not all(map(is_number, values)):
            continue
        for place, value in found:
            if value is None and place not in named and not any(_is_null(place, each) for each in wanted):
                yield Difference(
                    reason=Reason.PredictionNotFinite,
                    place=place,
                    wanted="a finite number, as in other items of the list",
                    found="null",
                    hint=_HINT.format(place=check.place),
                )


def _leaves(value: Value, path: str = "$", place: str = "$") -> Iterator[tuple[str, str, Value]]:
    """Return (path, place, value) of each value that holds no others; a path has [*] for each place in a list."""
    if isinstance(value, list):
        for where, item in parts(value, place):
            yield from _leaves(item, f"{path}[*]", where)
    elif isinstance(value, dict):
        for where, item in parts(value, place):
            yield from _leaves(item, path + where.removeprefix(place), where)
    else:
        yield path, place, value


def _is_null(place: str, wanted: Value) -> bool:
    """Return whether `wanted` has null at this place."""
    return any(where == place and value is None for _, where, value in _leaves(wanted))
