"""Says what a model takes, for somebody who asked for a route that it does not have, or sent what it does not take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from e2i.cli.plugin.delivery import FORM, Request, deliver
from e2i.cli.plugin.errors import CommandError
from e2i.kube import ApiError

if TYPE_CHECKING:
    from e2i.cli.plugin.delivery import Delivered
    from e2i.cli.plugin.session import Session, Target

UNKNOWN = (404, 405)
"""Statuses of a route that does not exist, or takes another method."""
REFUSED = (400, 415, 422)
"""Statuses of a body that the model does not take."""
FORM_REFUSED = (*REFUSED, 500)
"""BentoML answers 500 to a form with a file that it does not look for."""
_TIMEOUT = 5.0
_MOST = 12


async def deliver_with_hint(
    session: Session, target: Target, name: str, request: Request, *, only_port_forward: bool
) -> tuple[Delivered, str]:
    """Send `request`, and return the answer with a sentence about what the model takes if it does not take this."""
    delivered = await deliver(session, target, name, request, only_port_forward=only_port_forward)
    status = delivered.response.status
    refused = FORM_REFUSED if request.content_type.startswith(FORM) else REFUSED
    if status not in UNKNOWN and (status not in refused or request.body is None):
        return delivered, ""
    documents = await _documents(session, target, name, only_port_forward)
    if status in UNKNOWN:
        return delivered, routes_hint(documents, name, request)
    return delivered, body_hint(documents, request)


async def _documents(
    session: Session, target: Target, name: str, only_port_forward: bool
) -> Mapping[str, Any]:
    """Return what the model's API says of its routes that take a POST, by path; nothing if it does not tell them."""
    request = Request(body=None, route="/docs.json", timeout=_TIMEOUT)
    try:
        delivered = await deliver(session, target, name, request, only_port_forward=only_port_forward)
        paths = json.loads(delivered.response.body)["paths"]
        return {str(path): methods["post"] for path, methods in paths.items() if "post" in methods}
    except (ApiError, CommandError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def routes_hint(documents: Mapping[str, Any], name: str, asked: Request) -> str:
    """Return a sentence with the routes of the model's API; empty when it does not tell them."""
    routes = list(documents)
    if not routes:
        return ""
    path = asked.route.partition("?")[0]
    if path in routes:
        return f"{path} takes a body: give it with -d."
    shown = ", ".join(routes[:_MOST]) + (f" and {len(routes) - _MOST} more" if len(routes) > _MOST else "")
    return (
        f"{name} does not have {asked.method} {path}. It takes requests at {shown}: choose one with --route."
    )


def body_hint(documents: Mapping[str, Any], asked: Request) -> str:
    """Return a sentence with the form that the route takes, or that it takes none; empty if neither is known."""
    path = asked.route.partition("?")[0]
    try:
        content = documents[path]["requestBody"]["content"]
        fields = content[FORM]["schema"]["properties"] if FORM in content else {}
        given = " ".join(f"-F {name}={_example(schema)}" for name, schema in fields.items())
    except (KeyError, TypeError, AttributeError):
        return ""
    if given:
        return f"{path} takes a form with these fields: {given}"
    if asked.content_type.startswith(FORM):
        return f"{path} takes {' or '.join(map(str, content))} and no form: give the body with -d."
    return ""


def _example(schema: Mapping[str, Any]) -> str:
    """Return what stands for a value of the field."""
    binary = "binary" in (schema.get("format"), schema.get("items", {}).get("format"))
    return "@FILE" if binary else str(schema.get("type", "value")).upper()
