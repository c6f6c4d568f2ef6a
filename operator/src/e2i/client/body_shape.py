"""The form in which a route takes its input, from the schema that BentoML serves at /schema.json. Pure.

predict(self, input_data: Customer)      the body is {"input_data": {...}}
predict(self, customer: Customer, /)     the body is the customer
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2i.client.errors import BadInput


@dataclass(frozen=True)
class Shape:
    """How a value becomes the body of a request. `wrapper`: the only parameter of the route, empty if there is none."""

    wrapper: str = ""

    def body(self, model: str, value: Any) -> bytes:
        """Return the JSON text; BadInput if the value cannot be written as JSON."""
        if self.wrapper and not self._is_wrapped(value):
            value = {self.wrapper: value}
        try:
            return _ENCODER.encode(value).encode()
        except ValueError as error:
            raise BadInput(
                model, f"The input for {model} cannot be sent: {error}. Write None for a missing number."
            ) from error
        except (TypeError, RecursionError) as error:
            raise BadInput(
                model, f"The input for {model} cannot be sent: {error}. Use numbers, texts, lists and dicts."
            ) from error

    def _is_wrapped(self, value: Any) -> bool:
        return isinstance(value, Mapping) and value.keys() == {self.wrapper}


AS_IT_IS = Shape()
USUAL_WRAPPER = "input_data"
"""The name of the parameter in the bentos of e2i, and in the runbook."""


def _plain(value: Any) -> Any:
    """Return numpy's numbers and arrays, and pandas' columns, as plain ones."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is no JSON")


_ENCODER = json.JSONEncoder(allow_nan=False, default=_plain)
"""Made once: that takes longer than to write a row."""


def find_shape(schema: object, path: str) -> Shape:
    """Return the form of the route at `path` of a server with this schema.

    A server without a schema (an old-style bento, another program) gets values as they are.
    """
    routes = schema.get("routes") if isinstance(schema, Mapping) else None
    found = [route for route in routes if _answers_at(route, path)] if isinstance(routes, list) else []
    if not found:
        return AS_IT_IS
    given = max(found, key=lambda route: len(route["route"])).get("input")
    if not isinstance(given, Mapping) or given.get("root_input"):
        return AS_IT_IS
    parameters = given.get("properties")
    if isinstance(parameters, Mapping) and len(parameters) == 1:
        return Shape(str(next(iter(parameters))))
    return AS_IT_IS


def _answers_at(route: object, path: str) -> bool:
    at = route.get("route") if isinstance(route, Mapping) else None
    return isinstance(at, str) and f"/{path.strip('/')}".endswith(f"/{at.strip('/')}")
