"""Finds the parts of an answer that spec.type is about. Pure.

They are looked for in the answer itself, in each object of a list, and in objects under prediction(s):

    kind            part            usual names
    Classification  label           label, labels, prediction, predictions
                    probabilities   probabilities
                    probability     probability
    Regression      value           value, values, prediction, predictions
    Causal          effect          effect, effects, ate, cate
                    lower, upper    lower, upper
                    interval        interval

An answer without objects is itself the label, the probabilities, the value or the effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from e2i.controller.core.verification.jsontext import Value, parts

Node = tuple[str, Value]
"""(place, value): a value and its place in the answer."""
Group = Mapping[str, list[Node]]
"""Parts that belong together: those of one object, or all that the contract names."""

_USUAL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Classification": {
        "label": ("label", "labels", "prediction", "predictions"),
        "probabilities": ("probabilities",),
        "probability": ("probability",),
    },
    "Regression": {"value": ("value", "values", "prediction", "predictions")},
    "Causal": {
        "effect": ("effect", "effects", "ate", "cate"),
        "lower": ("lower",),
        "upper": ("upper",),
        "interval": ("interval",),
    },
}
_ENVELOPES = ("prediction", "predictions")
_REPLACED = {"probabilities": ("probability",), "lower": ("interval",), "upper": ("interval",)}
"""Parts that are not looked for by their usual names if the contract names a part with the same meaning."""


def recognise(kind: str, answer: Value, named: Group) -> list[Group]:
    """Return the groups of parts: one for each object, or a single one if the contract names paths."""
    usual = [_usual_parts(kind, item) for item in _objects("$", answer)]
    if named:
        return [{**_unnamed_parts(usual, named), **named}]
    return usual or [_plain_parts(kind, answer)]


def _objects(place: str, answer: Value) -> Iterator[Node]:
    """Return the objects in which parts are looked for."""
    if isinstance(answer, dict):
        yield place, answer
        for where, inner in parts(answer, place):
            if where.removeprefix(f"{place}.") in _ENVELOPES:
                yield from _objects(where, inner)
    elif _holds_objects(answer):
        for where, item in parts(answer, place):
            yield from _objects(where, item)


def _holds_objects(value: Value) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, dict) for item in items)


def _usual_parts(kind: str, node: Node) -> Group:
    """Return the parts of an object under their usual names; the first name that exists counts."""
    place, item = node
    by_name = dict(zip(item, parts(item, place), strict=True))
    found = {}
    for part, names in _USUAL[kind].items():
        nodes = [by_name[name] for name in names if name in by_name and _may_be(part, item[name])]
        found[part] = nodes[:1]
    return found


def _may_be(part: str, value: Value) -> bool:
    """Return whether a value can be this part. Null is no probability; objects under prediction are searched."""
    if part == "probabilities":
        return value is not None
    return part == "interval" or not _holds_objects(value)


def _plain_parts(kind: str, answer: Value) -> Group:
    """Return the parts of an answer without objects. Decimal numbers are not labels; rows of them are probabilities."""
    if kind != "Classification":
        return {"value" if kind == "Regression" else "effect": [("$", answer)]}
    if not any(isinstance(value, Decimal) for _, value in leaves([("$", answer)])):
        return {"label": [("$", answer)]}
    rows = isinstance(answer, list) and all(isinstance(row, list) for row in answer)
    return {"probabilities": [("$", answer)]} if rows else {}


def _unnamed_parts(usual: list[Group], named: Group) -> Group:
    """Return the parts of all objects that the contract names neither directly nor by another part."""
    replaced = {other for part in named for other in (part, *_REPLACED.get(part, ()))}
    found: dict[str, list[Node]] = {}
    for group in usual:
        for part in group.keys() - replaced:
            found.setdefault(part, []).extend(group[part])
    return found


def leaves(nodes: Iterable[Node]) -> Iterator[Node]:
    """Return the values of nested lists in order."""
    for place, value in nodes:
        if isinstance(value, list):
            yield from leaves(parts(value, place))
        else:
            yield place, value
