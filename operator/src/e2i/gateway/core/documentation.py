"""The OpenAPI document of the gateway, with what each model takes and answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from e2i.gateway.core.routing import Target

_ERROR = {
    "description": "refused by the gateway, or by the model",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "what is wrong, and what to do"},
        "reason": {"type": "string", "description": "a stable word, if the gateway refused"},
        "field": {"type": "string", "description": "the field of the request that is wrong"},
        "lastServed": {"type": "object", "description": "what a model that is down served last"},
        "requestId": {"type": "string"},
    },
}


def openapi(targets: Iterable[Target], version: str) -> dict[str, Any]:
    """Return the document; only of models whose routes are known."""
    found = [target for target in targets if target.interface is not None]
    schemas: dict[str, Any] = {"Error": _ERROR_SCHEMA}
    paths: dict[str, Any] = {}
    for target in found:
        for route in target.routes:
            paths[f"/api/models/{target.name}/{route}"] = {"post": _operation(target, route)}
            schemas |= _schemas(target, route)
    for route in ("predict", "explain"):
        having = [each for each in found if route in each.routes]
        paths[f"/api/{route}"] = {"post": _general(route, having)}
    paths |= {
        "/api/models": {"get": _get("the models that there are, with their states and routes")},
        "/api/models/{name}/schema.json": {
            "get": _get("what a model takes and answers, as its bento says it", found)
        },
        "/health/bentoml": {"get": _get("the state of each model, and what it served last")},
        "/v2/models/{name}/infer": {"post": _infer(found)},
    }
    keys: dict[str, Any] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Models", "version": version},
        "security": [{}, {"bearer": []}, {"key": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": keys},
    }


def _schemas(target: Target, name: str) -> dict[str, Any]:
    """Return the schemas of a route, each a document of its own: its references lead to its own definitions."""
    route = target.route(target.path(name))
    if route is None:
        return {}
    parts = {"input": route.input, "output": route.output}
    return {
        _schema_name(target, name, part): {**schema, "$id": f"urn:e2i:{target.name}:{name}:{part}"}
        for part, schema in parts.items()
    }


def _schema_name(target: Target, route: str, part: str) -> str:
    return f"{target.name}.{route}.{part}".replace("/", ".")


def _reference(target: Target, route: str, part: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{_schema_name(target, route, part)}"}


def _operation(target: Target, name: str) -> dict[str, Any]:
    route = target.route(target.path(name))
    takes = {"application/json": {"schema": _reference(target, name, "input")}}
    return {
        "tags": [target.name],
        "summary": (route.description if route else "") or f"{name} of {target.name}",
        "operationId": f"{target.name}_{name}".replace("/", "_"),
        "requestBody": {"required": True, "content": takes},
        "responses": _responses(_reference(target, name, "output")),
    }


def _general(route: str, targets: list[Target]) -> dict[str, Any]:
    takes = [_reference(target, route, "input") for target in targets]
    named = {
        "name": "model",
        "in": "query",
        "description": "may stand in the body too; not needed if there is one model",
        "schema": {"type": "string", "examples": [each.name for each in targets]},
    }
    return {
        "summary": f"{route} of the model that the request names",
        "operationId": route,
        "parameters": [named],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"anyOf": takes} if takes else {}}},
        },
        "responses": _responses({}),
    }


def _infer(targets: list[Target]) -> dict[str, Any]:
    return {
        "summary": "Open Inference Protocol: one input for each feature",
        "operationId": "infer",
        "parameters": [_name_in_path(targets)],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": _responses({}),
    }


def _name_in_path(targets: list[Target]) -> dict[str, Any]:
    names = [target.name for target in targets]
    return {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": names}}


def _get(summary: str, targets: list[Target] | None = None) -> dict[str, Any]:
    """`targets`: those whose name stands in the path, if one does."""
    operation = {"summary": summary, "responses": {"200": {"description": summary}}}
    return operation if targets is None else operation | {"parameters": [_name_in_path(targets)]}


def _responses(schema: Any) -> dict[str, Any]:
    answer = {"description": "the model's answer", "content": {"application/json": {"schema": schema}}}
    return {
        "200": answer,
        **dict.fromkeys(("400", "401", "403", "404", "413", "429", "502", "503", "504"), _ERROR),
    }
