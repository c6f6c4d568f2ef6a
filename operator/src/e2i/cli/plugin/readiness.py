"""Whether a model can be asked, and the defaults of a request. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from e2i.api import conditions
from e2i.cli.plugin.advice import command
from e2i.cli.plugin.errors import CommandError
from e2i.inspection.document import condition

Body = Mapping[str, Any]

ROUTE = "/predict"


def unready_warning(model: Body) -> str | None:
    """Return a warning if the model is not Ready, else None; CommandError if no release serves or it has no pods."""
    name, status = model["metadata"]["name"], model.get("status", {})
    ready, serving = condition(model, conditions.READY), status.get("servingRelease")
    cause = (
        f"{name} is not Ready ({ready['reason']}: {ready['message'].rstrip('.')})"
        if ready
        else f"{name} is not Ready: the operator has not seen it yet"
    )
    if not serving:
        raise CommandError(
            f"{cause}, and no release of it serves. See {command('status', model['metadata'])}."
        )
    if condition(model, conditions.SERVING).get("reason") == conditions.Reason.Parked.name:
        namespace = model["metadata"]["namespace"]
        raise CommandError(
            f"{name} is parked: it has no pods. "
            f"Wake it: kubectl scale e2im {name} -n {namespace} --replicas=1"
        )
    if ready.get("status") == "True":
        return None
    history = status.get("history", ())
    tag = next((entry.get("bentoTag") for entry in history if entry["release"] == serving), None)
    return f"{cause}. Release {serving}{f' ({tag})' if tag else ''} serves and is asked."


def default_route(model: Body) -> str:
    """Return the route of the model's first check, or /predict."""
    for check in _checks(model):
        return str(check.get("path", ROUTE))
    return ROUTE


def require_route(model: Body, body: bytes | None, route: str | None) -> None:
    """Raise CommandError if there is neither a body nor a route, or the route is not valid."""
    if route is None and body is None:
        raise CommandError(
            f"Give a request with -d, or a GET route such as --route /docs.json. For example: {_example(model)}"
        )
    if route is None:
        return
    path = route.partition("?")[0]
    # The API server would take .. for a way out of its proxy, to another path of the API.
    if not route.startswith("/") or "#" in route or {".", ".."} & set(path.split("/")):
        raise CommandError(
            f"--route {route} is not valid: a route begins with / and has no segment . or .. and no #."
        )


def example_of(model: Body, route: str) -> str:
    """Return a sentence with a request that the route answers, of the model's own checks; empty if none asks it."""
    for check in _checks(model):
        if check.get("body") and check.get("path", ROUTE) == route.partition("?")[0]:
            return f"A body that it takes: {' '.join(str(check['body']).split())}"
    return ""


def _example(model: Body) -> str:
    """Return the command line for the model's first check that has a body."""
    first = next((check["body"] for check in _checks(model) if check.get("body")), '{"input_data": ...}')
    return f"{command('ask', model['metadata'])} -d {shlex.quote(' '.join(str(first).split()))}"


def _checks(model: Body) -> tuple[Body, ...]:
    return tuple(model["spec"].get("rollout", {}).get("verify", ()))
