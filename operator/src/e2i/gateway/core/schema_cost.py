"""Bounds the work that the schema of a model makes of a body: the gateway is there for the others too. Pure.

A few references suffice for a schema that takes years: each of `a0: allOf [a1, a1]`, `a1: allOf [a2, a2]`, ... doubles
the work of the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MOST_PATTERNS = 200
"""Regular expressions in a schema: each takes about a millisecond to compile."""
DEEPEST = 200
_SAME = ("not", "if", "then", "else", "contains", "propertyNames")
_SAME_LISTED = ("allOf", "anyOf", "oneOf")
_SAME_NAMED = ("dependentSchemas", "patternProperties")
"""Keywords whose schemas all look at the same value, or at all parts of it. A name may match all patterns."""
_PARTS = ("additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties")
_PARTS_LISTED = ("prefixItems", "items")
_PARTS_NAMED = ("properties",)
"""Keywords of which one schema looks at each part of the value."""
_ELSEWHERE = ("$dynamicRef", "$recursiveRef")


class NotBounded(ValueError):
    """The work has no bound, or none that is known."""


def cost_of(schema: Mapping[str, Any]) -> int:
    """Return how many schemas at most look at one value inside of a body; NotBounded if that depends on the body."""
    if _patterns(schema) > MOST_PATTERNS:
        raise NotBounded(f"it has more than {MOST_PATTERNS} patterns")
    return _Costs(schema).of(schema, 0)


class _Costs:
    """The costs of a schema's parts: of each that is referred to, once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[str, int | None] = {}
        """By the reference; None while it is being found: then it leads to itself."""

    def of(self, schema: object, depth: int) -> int:
        if depth > DEEPEST:
            raise NotBounded(f"it is nested more than {DEEPEST} deep")
        if not isinstance(schema, Mapping):
            return 1
        if any(name in schema for name in _ELSEWHERE):
            raise NotBounded("what its references lead to depends on the body")
        if depth and "$id" in schema:
            raise NotBounded("a part of it has an address of its own")
        same = sum(self.of(each, depth + 1) for each in _of(schema, _SAME, _SAME_LISTED, _SAME_NAMED))
        parts = (self.of(each, depth + 1) for each in _of(schema, _PARTS, _PARTS_LISTED, _PARTS_NAMED))
        listed = schema.get("enum")
        named = len(listed) if isinstance(listed, list) else 0
        return 1 + named + same + self._referred(schema.get("$ref"), depth) + max(parts, default=0)

    def _referred(self, reference: object, depth: int) -> int:
        if not isinstance(reference, str):
            return 0
        if reference not in self._known:
            self._known[reference] = None
            self._known[reference] = self.of(self._target(reference), depth + 1)
        cost = self._known[reference]
        if cost is None:
            raise NotBounded(f"{reference[:100]} leads to itself")
        return cost

    def _target(self, reference: str) -> object:
        found: Any = self._root
        if reference != "#" and not reference.startswith("#/"):
            raise NotBounded(f"{reference[:100]} is no place in it")
        for step in reference.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                raise NotBounded(f"{reference[:100]} leads nowhere")
            found = found[name]
        return found


def _of(
    schema: Mapping[str, Any], single: Iterable[str], listed: Iterable[str], named: Iterable[str]
) -> Iterator[object]:
    """Yield the schemas of the keywords: of those that have one, a list, or some by name."""
    yield from (value for name in single if isinstance(value := schema.get(name), Mapping))
    for name in listed:
        if isinstance(value := schema.get(name), list):
            yield from value
    for name in named:
        if isinstance(value := schema.get(name), Mapping):
            yield from value.values()


def _patterns(schema: object) -> int:
    count, waiting = 0, [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Mapping):
            named = found.get("patternProperties")
            count += isinstance(found.get("pattern"), str) + (len(named) if isinstance(named, Mapping) else 0)
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
    return count
