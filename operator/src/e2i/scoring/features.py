"""The features that a model takes of a row, with the types that its schema gives them. Pure.

A CSV file has texts only. They become what the schema asks for, and a text that cannot is sent as it is: the model then
refuses that row, and names the field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
BATCH_ROUTE, ROW_ROUTE = "predict_batch", "predict"


@dataclass(frozen=True)
class Features:
    """The features of a route. `kinds`: JSON types by name, empty if the schema has none: then rows go as they are."""

    kinds: Mapping[str, frozenset[str]]

    def missing_from(self, columns: list[str]) -> list[str]:
        """Return the features that the file has no column for."""
        return [name for name in self.kinds if name not in columns]

    def of(self, row: Row) -> dict[str, Any]:
        """Return what is sent of a row: the features, and no other column."""
        if not self.kinds:
            return {name: _plain(value) for name, value in row.items()}
        return {name: _as_kind(row.get(name), kinds) for name, kinds in self.kinds.items()}


def features_of(schema: object, path: str) -> Features | None:
    """Return the features of the route at `path`; None if the server has no such route."""
    routes = schema.get("routes") if isinstance(schema, Mapping) else None
    for route in routes if isinstance(routes, list) else ():
        if isinstance(route, Mapping) and str(route.get("route", "")).strip("/") == path.strip("/"):
            given = route.get("input")
            return Features(_kinds(given if isinstance(given, Mapping) else {}))
    return None


def _kinds(given: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    definitions = given.get("$defs", {})
    parameters = given.get("properties")
    if not given.get("root_input"):
        if not isinstance(parameters, Mapping) or len(parameters) != 1:
            return {}
        given = next(iter(parameters.values()))
    row = _resolved(given, definitions)
    if row.get("type") == "array":
        row = _resolved(row.get("items", {}), definitions)
    fields = row.get("properties")
    if not isinstance(fields, Mapping):
        return {}
    return {str(name): _types(_resolved(field, definitions)) for name, field in fields.items()}


def _resolved(node: Any, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        return {}
    reference = node.get("$ref")
    if isinstance(reference, str):
        found = definitions.get(reference.rpartition("/")[2], {})
        return found if isinstance(found, Mapping) else {}
    return node


def _types(field: Mapping[str, Any]) -> frozenset[str]:
    """Return the JSON types that a field may have; enums are of the type of their values."""
    if "anyOf" in field:
        return frozenset().union(*(_types(one) for one in field["anyOf"] if isinstance(one, Mapping)))
    given = field.get("type", "string")
    return frozenset(given if isinstance(given, list) else [given])


def _as_kind(value: Any, kinds: frozenset[str]) -> Any:
    value = _plain(value)
    if not isinstance(value, str):
        return value
    if not value and ("null" in kinds or "string" not in kinds):
        return None
    if "string" in kinds:
        return value
    for kind, read in _READERS.items():
        if kind in kinds:
            try:
                return read(value.strip())
            except ValueError:
                continue
    return value


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)


def _number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _boolean(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


def _checked(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def reading(text: str) -> Any:
        try:
            return read(text)
        except (KeyError, OverflowError) as error:
            raise ValueError(text) from error

    return reading


_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": _checked(_integer),
    "number": _checked(_number),
    "boolean": _checked(_boolean),
}


def _plain(value: Any) -> Any:
    """Return a value of a Parquet file as JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
