"""The input and output of a model: the routes of its bento, with a check of each body. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import jsonschema_rs

from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.core.schema_cost import cost_of

Schema = Mapping[str, Any]
_SERVICE_ROUTES = ("/health", "/model_info")
"""Routes of the whole service, and not of one of its models."""
MOST_PROBLEMS = 10
"""Wrong fields that one answer lists."""
MOST_WORK = 50_000_000
"""Schemas that look at the values of one body: about a second."""
_HIDDEN = "the value"
"""Stands in messages where the value is: rows of people belong into no log."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route of a bento."""

    path: str
    """/churn_model/predict"""
    input: Schema = field(hash=False)
    output: Schema = field(hash=False)
    description: str = ""
    check: jsonschema_rs.Draft202012Validator | None = field(default=None, hash=False, compare=False)
    """None if the schema is none that can be checked here: then the model alone judges."""
    cost: int = field(default=0, compare=False)
    """Schemas that at most look at one value inside of a body."""

    def require_valid(self, body: bytes) -> Any:
        """Return the parsed body; Refused names the first field that is not as the model wants it."""
        value = parse_json(body)
        # A value takes two bytes or more. Of a body that would hold up the others, the model alone judges.
        is_dear = self.cost * len(body) > 2 * MOST_WORK
        if self.check is None or is_dear or self.check.is_valid(value):
            return value
        problems = [_problem(error) for error in islice(self.check.iter_errors(value), MOST_PROBLEMS)]
        first = problems[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Refused(
            Reason.BadRequest,
            f"{where}: {first['msg']}; GET /docs shows what {self.path.removeprefix('/')} takes",
            details={"field": where, "detail": problems},
        )


@dataclass(frozen=True, kw_only=True)
class Interface:
    """All routes of a bento."""

    title: str = ""
    routes: Mapping[str, Route] = field(hash=False)

    @property
    def inner(self) -> frozenset[str]:
        """The models of a bento with several: those with a route NAME/predict."""
        return frozenset(
            path.split("/")[1] for path in self.routes if path.endswith("/predict") and path.count("/") == 2
        )

    def document(self) -> dict[str, Any]:
        """Return it in the form in which it was read: /schema.json of a bento."""
        routes = [
            {"route": path, "doc": route.description, "input": route.input, "output": route.output}
            for path, route in sorted(self.routes.items())
        ]
        return {"name": self.title, "routes": routes}

    def below(self, prefix: str) -> Interface:
        """Return the routes below a prefix, without it: /churn_model/predict -> /predict"""
        if prefix in ("", "/"):
            return self
        found = {
            path.removeprefix(prefix): replace(route, path=path.removeprefix(prefix))
            for path, route in self.routes.items()
            if path.startswith(f"{prefix}/")
        }
        return Interface(title=self.title, routes=found)


def _problem(error: jsonschema_rs.ValidationError) -> dict[str, Any]:
    """Return a problem in the form in which BentoML says it: {"loc": ["input_data", "age"], "msg": ..., "type": ...}"""
    kind, place = error.kind, list(error.instance_path)
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return {"type": "missing", "loc": [*place, kind.property], "msg": "Field required"}
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return {
            "type": "extra_forbidden",
            "loc": [*place, kind.unexpected[0]],
            "msg": "there is no such field",
        }
    return {"type": kind.name, "loc": place, "msg": error.message}


def parse_json(body: bytes) -> Any:
    """Return the JSON value; Refused if it is none."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(
            Reason.BadRequest, f"the body is not JSON: {str(error)[:200]}", details={"field": "the body"}
        ) from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def parse_interface(content: object) -> Interface:
    """Parse the /schema.json of a bento; ValueError if it is none."""
    if not isinstance(content, Mapping) or not isinstance(content.get("routes"), list):
        raise ValueError("it has no list of routes")
    routes: dict[str, Route] = {}
    for each in content["routes"]:
        if not isinstance(each, Mapping) or not isinstance(each.get("route"), str):
            raise ValueError("a route of it has no path")
        path = each["route"]
        if path in _SERVICE_ROUTES or not path.startswith("/") or each.get("is_task"):
            continue
        takes = _schema(each.get("input"))
        check, cost = _check(takes)
        routes[path] = Route(
            path=path,
            input=takes,
            output=_schema(each.get("output")),
            description=str(each.get("doc") or ""),
            check=check,
            cost=cost,
        )
    return Interface(title=str(content.get("name", "")), routes=routes)


def _schema(value: object) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _check(schema: Schema) -> tuple[jsonschema_rs.Draft202012Validator | None, int]:
    """Return the check of a schema and its cost.

    There is none for one with types of BentoML's own, such as tensor or file, nor for one that may take for ever.
    """
    if not schema:
        return None, 0
    try:
        cost = cost_of(schema)
        check = jsonschema_rs.Draft202012Validator(
            dict(schema),
            mask=_HIDDEN,
            retriever=_retrieve_nothing,
            # A pattern comes from whoever made the bento: this engine takes no more than linear time.
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except ValueError:
        return None, 0
    return check, cost


def _retrieve_nothing(address: str) -> Any:
    raise ValueError(f"{address} is outside of the schema")
