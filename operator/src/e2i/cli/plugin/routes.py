"""Names the routes that a model has, for somebody who asked for one that it does not have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from e2i.cli.plugin.delivery import Request, deliver
from e2i.cli.plugin.errors import CommandError
from e2i.kube import ApiError

if TYPE_CHECKING:
    from e2i.cli.plugin.delivery import Delivered
    from e2i.cli.plugin.session import Session, Target

UNKNOWN = (404, 405)
"""Statuses of a route that does not exist, or takes another method."""
_TIMEOUT = 5.0
_MOST = 12


async def deliver_with_hint(
    session: Session, target: Target, name: str, request: Request, *, only_port_forward: bool
) -> tuple[Delivered, str]:
    """Send `request`, and return the answer with a sentence about the model's routes if it does not have this one."""
    delivered = await deliver(session, target, name, request, only_port_forward=only_port_forward)
    if delivered.response.status not in UNKNOWN:
        return delivered, ""
    return delivered, await _routes_hint(session, target, name, request, only_port_forward)


async def _routes_hint(
    session: Session, target: Target, name: str, asked: Request, only_port_forward: bool
) -> str:
    """Return a sentence with the routes of the model's API; empty when it does not tell them."""
    request = Request(body=None, route="/docs.json", timeout=_TIMEOUT)
    try:
        delivered = await deliver(session, target, name, request, only_port_forward=only_port_forward)
        routes = _post_routes(delivered.response.body)
    except (ApiError, CommandError):
        return ""
    if not routes:
        return ""
    path = asked.route.partition("?")[0]
    if path in routes:
        return f"{path} takes a body: give it with -d."
    shown = ", ".join(routes[:_MOST]) + (f" and {len(routes) - _MOST} more" if len(routes) > _MOST else "")
    return (
        f"{name} does not have {asked.method} {path}. It takes requests at {shown}: choose one with --route."
    )


def _post_routes(body: bytes) -> list[str]:
    """Return the paths of an OpenAPI document that take a POST; none if it is something else."""
    try:
        paths = json.loads(body)["paths"]
        return [str(path) for path, methods in paths.items() if "post" in methods]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
