"""The result of each row, and how it is written down. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "prediction"


@dataclass(frozen=True)
class Scored:
    """The model's answer for one row. `columns`: its values by the names of the columns that they go to."""

    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Bad:
    """A row that the model refused, or could not answer."""

    field: str
    message: str


Outcome = Scored | Bad


def scored(answer: Any, release: str, digest: str) -> Scored:
    """Return the outcome of an answer: {"label": "leaves", "probabilities": {"leaves": 0.8}} becomes
    prediction_label and prediction_probabilities_leaves."""
    columns = dict(_flat(PREFIX, answer))
    return Scored({**columns, f"{PREFIX}_release": release, f"{PREFIX}_digest": digest})


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}_{key}", inner)
    else:
        yield name, json.dumps(value) if isinstance(value, list) else value


def to_text(outcomes: Iterable[Outcome]) -> bytes:
    """Return one line of JSON for each row of a piece."""
    lines = (
        {"columns": one.columns} if isinstance(one, Scored) else {"field": one.field, "message": one.message}
        for one in outcomes
    )
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def from_text(text: bytes) -> list[Outcome]:
    """Read what `to_text` wrote."""
    found: list[Outcome] = []
    for line in text.splitlines():
        content = json.loads(line)
        if "columns" in content:
            found.append(Scored(content["columns"]))
        else:
            found.append(Bad(content["field"], content["message"]))
    return found
