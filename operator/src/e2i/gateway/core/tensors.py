"""Tensors of the Open Inference Protocol: from JSON or the binary extension to values, and back. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from e2i.gateway.core.refusal import Reason, Refused

_FORMATS = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
DATATYPES = (*_FORMATS, "BYTES")
_OF_SCHEMA = {"integer": "INT64", "number": "FP64", "boolean": "BOOL", "string": "BYTES"}


def datatype_of(schema: Mapping[str, Any]) -> str:
    """Return the datatype of a field's JSON schema: {"type": "integer"} -> INT64; empty if it is no single value."""
    options = schema.get("anyOf")
    if isinstance(options, list):
        known = [
            datatype_of(each) for each in options if isinstance(each, Mapping) and each.get("type") != "null"
        ]
        return known[0] if len(known) == 1 else ""
    if "type" not in schema and isinstance(schema.get("enum"), list):
        return _datatype_of_values(schema["enum"])
    return _OF_SCHEMA.get(str(schema.get("type")), "")


def values_of(tensor: Mapping[str, Any], binary: bytes | None) -> list[Any]:
    """Return the values of an input of one column: shape [3] or [3, 1] -> three values; Refused if it is no column."""
    name, kind, shape = str(tensor.get("name", "")), tensor.get("datatype"), tensor.get("shape")
    if kind not in DATATYPES:
        raise bad(f"inputs.{name}", f"datatype {str(kind)[:20]!r} is none of {', '.join(DATATYPES)}")
    if not isinstance(shape, list) or not shape or not all(type(size) is int and size >= 0 for size in shape):
        raise bad(f"inputs.{name}", "shape must be a list of sizes, for instance [1]")
    if math.prod(shape[1:]) != 1:
        raise bad(
            f"inputs.{name}", f"shape {shape} is no column: send one input for each feature, shape [rows]"
        )
    values = list(_flat(tensor.get("data"))) if binary is None else _unpack(str(kind), binary, name)
    if len(values) != shape[0]:
        raise bad(f"inputs.{name}", f"shape {shape} asks for {shape[0]} values, and there are {len(values)}")
    return values


def tensor_of(name: str, values: list[Any]) -> dict[str, Any]:
    """Return an output of one column; null becomes what its datatype has for it."""
    kind = _datatype_of_values(values)
    if kind == "FP64":
        values = [float("nan") if value is None else float(value) for value in values]
        values = [None if math.isnan(value) else value for value in values]
    return {"name": name, "datatype": kind, "shape": [len(values)], "data": values}


def bad(field: str, message: str) -> Refused:
    return Refused(Reason.BadRequest, f"{field}: {message}", details={"field": field})


def _datatype_of_values(values: Iterable[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds and kinds <= {int, float} else "BYTES"


def _flat(data: object) -> Iterator[Any]:
    if isinstance(data, list):
        for each in data:
            yield from _flat(each)
    elif data is not None:
        yield data
    else:
        yield None


def _unpack(kind: str, data: bytes, name: str) -> list[Any]:
    if kind == "BYTES":
        return list(_texts(data, name))
    letter = _FORMATS[kind]
    count, rest = divmod(len(data), struct.calcsize(f"<{letter}"))
    if rest:
        raise bad(f"inputs.{name}", f"{len(data)} bytes are no whole number of {kind}")
    values = struct.unpack(f"<{count}{letter}", data)
    # Binary numbers have no other way to say that a value is missing.
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values]


def _texts(data: bytes, name: str) -> Iterator[str]:
    """Yield texts, each after its length in four bytes."""
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if at + 4 > len(data) or end > len(data):
            raise bad(f"inputs.{name}", "the lengths of its texts do not add up")
        try:
            yield data[at + 4 : end].decode()
        except UnicodeDecodeError as error:
            raise bad(f"inputs.{name}", "a text of it is not UTF-8") from error
        at = end
