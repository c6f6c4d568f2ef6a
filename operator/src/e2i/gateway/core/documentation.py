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
    names = [target.name for target in found]
    paths: dict[str, Any] = {
        f"/api/{route}": {"post": _general(route, [each for each in found if route in each.routes])}
        for route in ("predict", "explain")
    }
    for target in found:
        for route in target.routes:
            paths[f"/api/models/{target.name}/{route}"] = {"post": _operation(target, route)}
    paths |= {
        "/api/models": {"get": _get("the models that there are, with their states and routes")},
        "/health/bentoml": {"get": _get("the state of each model, and what it served last")},
        "/v2/models/{name}/infer": {"post": _infer(names)},
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
        "components": {"schemas": {"Error": _ERROR_SCHEMA}, "securitySchemes": keys},
    }


def _operation(target: Target, name: str) -> dict[str, Any]:
    route = target.route(target.path(name))
    takes, gives = (route.input, route.output) if route else ({}, {})
    return {
        "tags": [target.name],
        "summary": (route.description if route else "") or f"{name} of {target.name}",
        "operationId": f"{target.name}_{name}".replace("/", "_"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": takes}}},
        "responses": _responses(gives),
    }


def _general(route: str, targets: list[Target]) -> dict[str, Any]:
    bodies = [
        {
            "$ref": f"#/paths/~1api~1models~1{each.name}~1{route}/post/requestBody/content/application~1json/schema"
        }
        for each in targets
    ]
    return {
        "summary": f"{route} of the model that the request names",
        "operationId": route,
        "parameters": [
            {
                "name": "model",
                "in": "query",
                "description": "may stand in the body too; not needed if there is one model",
                "schema": {"type": "string", "enum": [each.name for each in targets]},
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": bodies}}}},
        "responses": _responses({}),
    }


def _infer(names: list[str]) -> dict[str, Any]:
    return {
        "summary": "Open Inference Protocol: one input for each feature",
        "operationId": "infer",
        "parameters": [
            {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": names}}
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": _responses({}),
    }


def _get(summary: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": summary}}}


def _responses(schema: Any) -> dict[str, Any]:
    answer = {"description": "the model's answer", "content": {"application/json": {"schema": schema}}}
    return {
        "200": answer,
        **dict.fromkeys(("400", "401", "403", "404", "413", "429", "502", "503", "504"), _ERROR),
    }
