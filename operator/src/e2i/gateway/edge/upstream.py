"""Sends requests to the models, by the client of this project: kept connections, attempts, circuit breakers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from e2i.client import (
    AsyncClient,
    CircuitOpen,
    ClientError,
    DeadlineExceeded,
    Endpoint,
    Endpoints,
    ModelNotFound,
    Settings,
    State,
    Unreachable,
)
from e2i.client.endpoints import REPEATABLE
from e2i.client.metrics import Metrics
from e2i.client.pool import Answer
from e2i.gateway.core.interface import Interface
from e2i.gateway.core.models import Model
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.core.routing import Key

ATTEMPTS = 2
"""The caller may have a client that repeats requests too: each attempt here would be multiplied by its own."""


class Upstream:
    """All models behind one pool. They are named as messages name them: models/churn."""

    def __init__(self, timeout: float, connections: int) -> None:
        settings = Settings(deadline=timeout, attempts=ATTEMPTS, connections=connections)
        self._client = AsyncClient(Endpoints(), settings=settings, metrics=Metrics())
        self._versions: dict[Key, tuple[str, str, bool]] = {}

    def put(self, model: Model, interface: Interface | None) -> None:
        """Learn where a model answers, and which of its routes may be asked twice."""
        if self._versions.get(model.key) != model.version:
            # What was learned of an earlier release says nothing of this one.
            self.drop(model)
            self._versions[model.key] = model.version
        if not model.url:
            return
        inner = interface.inner if interface else ()
        routes = REPEATABLE | {f"{name}/{route}" for name in inner for route in REPEATABLE}
        self._client.endpoints.put(Endpoint(model=model.title, url=model.url, repeatable=frozenset(routes)))

    def drop(self, model: Model) -> None:
        self._versions.pop(model.key, None)
        self._client.forget(model.title)

    def circuits(self, models: Iterable[Model]) -> dict[Key, str]:
        """Return the state of each model's circuit breaker. Other threads may ask too: nothing changes by it."""
        states: dict[Key, str] = {}
        for model in models:
            # A model that has just gone has none.
            with contextlib.suppress(ModelNotFound):
                states[model.key] = self._client.circuit(model.title).value
        return states

    async def send(
        self, model: str, path: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        """Return what the model answered, whatever its status; Refused if there was no answer."""
        try:
            return await self._client.send(model, "POST", path, body, headers, deadline)
        except ClientError as error:
            raise _refusal(model, error) from error

    async def close(self) -> None:
        await self._client.close()


def _refusal(model: str, error: ClientError) -> Refused:
    details = {"model": model}
    match error:
        case DeadlineExceeded():
            message = f"the model {model} did not answer within {error.seconds:.3g} s"
            return Refused(Reason.DeadlineExceeded, message, details=details)
        case CircuitOpen():
            message = f"too many of the last requests to the model {model} failed: nothing is sent to it for a while"
            return Refused(
                Reason.CircuitOpen,
                message,
                details=details | {"circuit": State.OPEN.value},
                retry_after=error.retry_after,
            )
        case Unreachable():
            message = f"the model {model} gave no answer: {error.__cause__ or error.message}"
            return Refused(Reason.ModelFailed, message, details=details)
        case ModelNotFound():
            return Refused(Reason.ModelUnavailable, f"the model {model} has no address", details=details)
    return Refused(Reason.ModelFailed, error.message, details=details)
