"""The answer of /health/bentoml: the state of each model, and what it served last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from e2i.gateway.core.models import Model, State
from e2i.gateway.core.refusal import Reason, Refused

GOOD = (State.Serving, State.Parked)


def health(models: Iterable[Model], circuits: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return the document. `circuits`: open, half_open or closed by model; a model with an open one is down."""
    shown = {model.title: model_health(model, circuits.get(model.key, "closed")) for model in models}
    bad = [each for each in shown.values() if each["state"] not in {state.name for state in GOOD}]
    down = [each for each in bad if each["state"] != State.Degraded.name]
    status = "healthy" if not bad else "down" if len(down) == len(shown) else "degraded"
    return {"status": status, "models": shown}


def model_health(model: Model, circuit: str = "closed") -> dict[str, Any]:
    """Return one model's part of the document."""
    state, message = model.state, model.message
    if circuit == "open" and model.is_answering:
        state = State.Down
        message = "requests to it fail one after another: the gateway waits before it asks again"
    document: dict[str, Any] = {"state": state.name, "circuit": circuit}
    if message:
        document["message"] = message
    if model.last:
        document["serving" if state in (State.Serving, State.Degraded) else "lastServed"] = (
            model.last.document()
        )
    return document


def unavailable(model: Model) -> Refused:
    """Return the refusal of a request to a model that does not answer: which one, why, and what it served last."""
    details: dict[str, Any] = {"model": model.title, "state": model.state.name}
    if model.last:
        details["lastServed"] = model.last.document()
    why = {
        State.Parked: "is parked: its spec asks for no pods",
        State.Starting: "has not served yet",
    }.get(model.state, "does not serve now")
    said = f": {model.message}" if model.message else ""
    return Refused(
        Reason.ModelUnavailable,
        f"the model {model.title} {why}{said}",
        details=details,
    )
