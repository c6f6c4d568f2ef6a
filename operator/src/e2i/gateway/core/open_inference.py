"""The Open Inference Protocol, version 2, for models that take a table: one input for each feature. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2i.gateway.core.interface import parse_json
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.core.routing import Target
from e2i.gateway.core.tensors import bad, datatype_of, tensor_of, values_of

PROVENANCE = ("model", "bento")
"""Texts in each answer of e2i_bento that say who answered."""


@dataclass(frozen=True)
class Table:
    """The input of a model's predict: the JSON schema of each feature."""

    features: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Inference:
    """One infer request as a request to the model."""

    route: str
    body: bytes
    rows: int
    id: str
    wanted: tuple[str, ...]
    """Outputs that the caller asked for; none: all."""


def table_of(target: Target) -> Table:
    """Return the model's table; Refused if it takes something else."""
    route = target.route(target.path("predict"))
    if route is None:
        raise Refused(
            Reason.ModelUnavailable,
            f"what {target.name} takes is not known yet; ask again",
            retry_after=1.0,
        )
    row = route.input.get("properties", {}).get("input_data", {})
    features = row.get("properties", {}) if isinstance(row, Mapping) else {}
    if not features or not all(datatype_of(each) for each in features.values()):
        raise Refused(
            Reason.BadRequest,
            f"{target.name} takes no table of single values: ask it at /api/models/{target.name}/predict",
        )
    return Table(features)


def metadata(target: Target) -> dict[str, Any]:
    """Return the answer of GET /v2/models/NAME."""
    route = target.route(target.path("predict"))
    outputs = _outputs(route.output) if route else []
    inputs = [
        {"name": name, "datatype": datatype_of(schema), "shape": [-1]}
        for name, schema in table_of(target).features.items()
    ]
    return {
        "name": target.name,
        "versions": [version_of(target)],
        "platform": "bentoml",
        "inputs": inputs,
        "outputs": outputs,
    }


def version_of(target: Target) -> str:
    """Return the version of the bento that serves: churn:1.2.0 -> 1.2.0; that of the release if it is not known."""
    last = target.model.last
    if last is None:
        return "unknown"
    return last.bento.partition(":")[2] or last.release


def inference_of(target: Target, body: bytes, header_length: int | None) -> Inference:
    """Return the request to the model; Refused names the first input that is not as the model wants it."""
    request = parse_json(body if header_length is None else body[:header_length])
    if not isinstance(request, Mapping) or not isinstance(request.get("inputs"), list):
        raise bad("inputs", "the request has no list of inputs")
    columns = _columns(request["inputs"], b"" if header_length is None else body[header_length:])
    table = table_of(target)
    for name in columns:
        if name not in table.features:
            raise bad(
                f"inputs.{name}", f"{target.name} has no such feature; it has {', '.join(table.features)}"
            )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise bad("inputs", f"they have different numbers of rows: {lengths}")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not rows:
        raise bad("inputs", "they have no row")
    is_batch = "predict_batch" in target.routes
    if len(rows) > 1 and not is_batch:
        raise bad("inputs", f"{target.name} takes one row at a time, and there are {len(rows)}")
    return Inference(
        route="predict_batch" if is_batch else "predict",
        body=json.dumps({"input_data": rows if is_batch else rows[0]}).encode(),
        rows=len(rows),
        id=str(request.get("id", "")),
        wanted=tuple(
            str(each.get("name")) for each in request.get("outputs") or () if isinstance(each, Mapping)
        ),
    )


def answer_of(target: Target, inference: Inference, answer: bytes) -> dict[str, Any]:
    """Return the answer of the protocol; Refused if the model's answer is none that can be written so."""
    try:
        content = json.loads(answer)
        rows = [_flat(row) for row in (content if isinstance(content, list) else [content])]
        if len(rows) != inference.rows:
            raise ValueError(f"{len(rows)} answers to {inference.rows} rows")
    except (ValueError, AttributeError) as error:
        raise Refused(
            Reason.ModelFailed, f"the answer of {target.name} is no table: {str(error)[:100]}"
        ) from error
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in PROVENANCE]
    if unknown := [name for name in inference.wanted if name not in names]:
        raise bad("outputs", f"{target.name} answers no {unknown[0]}; it answers {', '.join(names)}")
    document: dict[str, Any] = {
        "model_name": target.name,
        "model_version": version_of(target),
        "outputs": [tensor_of(name, [row.get(name) for row in rows]) for name in inference.wanted or names],
        "parameters": {name: rows[0][name] for name in PROVENANCE if name in rows[0]},
    }
    return document | ({"id": inference.id} if inference.id else {})


def _columns(inputs: Sequence[Any], binary: bytes) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    at = 0
    for each in inputs:
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            raise bad("inputs", "an input has no name")
        name = each["name"]
        if name in columns:
            raise bad(f"inputs.{name}", "it is there twice")
        size = (each.get("parameters") or {}).get("binary_data_size")
        if size is None:
            columns[name] = values_of(each, None)
            continue
        if type(size) is not int or size < 0 or at + size > len(binary):
            raise bad(f"inputs.{name}", f"binary_data_size {size} is more than the body has")
        columns[name] = values_of(each, binary[at : at + size])
        at += size
    if not columns:
        raise bad("inputs", "the list is empty: send one input for each feature")
    return columns


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return single values by path: {"probabilities": {"leaves": 0.9}} -> {"probabilities.leaves": 0.9}"""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            raise ValueError(f"{before}{name} is a list")
        else:
            found[f"{before}{name}"] = value
    return found


def _outputs(schema: Mapping[str, Any], before: str = "") -> list[dict[str, Any]]:
    """Return the outputs that the schema of an answer names."""
    found: list[dict[str, Any]] = []
    fields = dict(schema.get("properties") or {})
    labels = (schema.get("propertyNames") or {}).get("enum") or ()
    of_each = schema.get("additionalProperties")
    if isinstance(of_each, Mapping):
        fields |= dict.fromkeys(map(str, labels), of_each)
    for name, each in fields.items():
        if not before and name in PROVENANCE:
            continue
        if kind := datatype_of(each):
            found.append({"name": f"{before}{name}", "datatype": kind, "shape": [-1]})
        else:
            found += _outputs(each, f"{before}{name}.")
    return found
