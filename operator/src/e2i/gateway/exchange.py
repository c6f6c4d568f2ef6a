"""A request and its answer, as the handlers see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that has arrived as a whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes = b""
    query: str = ""
    id: str = ""

    def parameter(self, name: str) -> str:
        """Return a parameter of the query, empty if it is not there."""
        return dict(parse_qsl(self.query)).get(name, "") if self.query else ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer that goes back. `model` and `route` are for the metrics."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    model: str = field(default="", compare=False)
    route: str = field(default="", compare=False)


def encoded(content: Any) -> bytes:
    """Return the value as JSON that people can read; a lone surrogate of the caller's stays the escape that it was."""
    return json.dumps(content, allow_nan=False, ensure_ascii=False).encode(errors="backslashreplace")


def as_json(content: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return the value as an answer."""
    return Answer(status=status, body=encoded(content), headers=headers)
