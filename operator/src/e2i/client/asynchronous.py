"""`AsyncClient`: calls models by their names."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from yarl import URL

from e2i.client.answers import Prediction, error_of, prediction_of
from e2i.client.body_shape import AS_IT_IS, USUAL_WRAPPER, Shape, find_shape
from e2i.client.breaker import CircuitBreaker, State
from e2i.client.delivery import Delivery, Order
from e2i.client.endpoints import Endpoint, Endpoints
from e2i.client.errors import BadInput
from e2i.client.metrics import Metrics, default_metrics
from e2i.client.pool import Answer, Pool
from e2i.client.settings import Settings

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent twice by the rules of HTTP."""
_JSON = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "e2i"}
_LOOK = {"Accept": "application/json", "User-Agent": "e2i"}


@dataclass(frozen=True, slots=True)
class _Route:
    """A route of a model: its name, its whole address, and the form of its input."""

    name: str
    url: URL
    shape: Shape


class AsyncClient:
    """Calls models: keeps connections, repeats what may be repeated, and asks nothing of a model that fails.

    async with AsyncClient(Endpoints.from_file("config/model_endpoints.yaml")) as client:
        prediction = await client.predict("churn_model", {"tenure_months": 3, ...})
    """

    def __init__(
        self, endpoints: Endpoints, *, settings: Settings | None = None, metrics: Metrics | None = None
    ) -> None:
        """`metrics`: those of this process by default; `Metrics()` counts nothing."""
        self.endpoints = endpoints
        self.settings = settings or Settings()
        self._metrics = metrics or default_metrics()
        self._opened: tuple[Pool, Delivery] | None = None
        self._routes: dict[tuple[str, str], _Route] = {}
        """By the model's address and the name of the route."""

    async def __aenter__(self) -> Self:
        self._delivery()
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; safe to repeat. Requests that are under way fail."""
        if self._opened:
            await self._opened[0].close()

    async def predict(
        self,
        model: str,
        data: Any,
        *,
        route: str = "predict",
        deadline: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Prediction:
        """Return what the model answers for `data`; a ClientError if it does not.

        `data` is the input itself: it is put under `input_data`, or the name that the route gives it, where the bento
        wants that. `route`: predict_batch, explain, or one of the bento's own.
        """
        started = time.monotonic()
        endpoint = self.endpoints.find(model)
        seconds = self._seconds(endpoint, deadline)
        known = self._routes.get((endpoint.url, route)) or await self._learn(
            endpoint, route, seconds, headers
        )
        order = Order(
            endpoint=endpoint,
            method="POST",
            url=known.url,
            body=known.shape.body(model, data),
            headers={**_JSON, **headers} if headers else _JSON,
            repeatable=known.name in endpoint.repeatable,
            seconds=seconds,
            until=started + seconds,
        )
        answer = await self._delivery().deliver(order)
        if answer.status != 200:
            error = error_of(answer, endpoint, known.url.path)
            if isinstance(error, BadInput) and self._relearn(endpoint, route, known, error):
                left = order.remaining
                return await self.predict(model, data, route=route, deadline=left, headers=headers)
            raise error
        return prediction_of(answer, endpoint, time.monotonic() - started)

    async def send(
        self,
        model: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """Send these bytes to a path of the model and return its answer, whatever its status; both as they are.

        A ClientError if there was no answer. `path` may have a query. A request is repeated after a broken connection
        only if its method or the model's endpoint allows that for this route.
        """
        endpoint = self.endpoints.find(model)
        seconds = self._seconds(endpoint, deadline)
        plain, _, query = path.partition("?")
        route = plain.strip("/")
        url = URL(f"{endpoint.base}/{route}{'?' if query else ''}{query}", encoded=True)
        order = Order(
            endpoint=endpoint,
            method=method,
            url=url,
            body=body,
            headers=headers or {},
            repeatable=method in IDEMPOTENT or route in endpoint.repeatable,
            seconds=seconds,
            until=time.monotonic() + seconds,
        )
        return await self._delivery().deliver(order)

    def forget(self, model: str) -> None:
        """Forget a model: its endpoint, and what is known of its circuit."""
        self.endpoints.drop(model)
        self._delivery().forget(model)

    def circuit(self, model: str) -> State:
        """Return the state of the model's circuit breaker."""
        return self.breaker(model).state(time.monotonic())

    def breaker(self, model: str) -> CircuitBreaker:
        """Return the model's circuit breaker; ModelNotFound if there is no such model."""
        return self._delivery().breaker(self.endpoints.find(model).model)

    def _delivery(self) -> Delivery:
        if self._opened is None:
            pool = Pool(self.settings, self._metrics)
            self._opened = pool, Delivery(pool, self.settings, self._metrics)
        return self._opened[1]

    def _seconds(self, endpoint: Endpoint, deadline: float | None) -> float:
        if deadline is not None:
            return deadline
        return self.settings.deadline if endpoint.deadline is None else endpoint.deadline

    def _relearn(self, endpoint: Endpoint, route: str, known: _Route, refused: BadInput) -> bool:
        """Forget the form of an input that was refused; return whether the refusal says which form is right."""
        # Perhaps another release, with another form of input, serves by now.
        self._routes.pop((endpoint.url, route), None)
        if known.shape != AS_IT_IS or [one.field for one in refused.problems] != [USUAL_WRAPPER]:
            return False
        # Where the schema was not to be had, perhaps not yet, this answer says as much.
        self._routes[endpoint.url, route] = replace(known, shape=Shape(USUAL_WRAPPER))
        return True

    async def _learn(
        self, endpoint: Endpoint, route: str, seconds: float, given: Mapping[str, str] | None
    ) -> _Route:
        """Ask the server in which form the route takes its input, once. `given`: headers of the call, perhaps a key."""
        name = route.strip("/")
        url = endpoint.base / name
        shape, until = AS_IT_IS, time.monotonic() + seconds
        for place in _schema_places(url):
            order = Order(
                endpoint=endpoint,
                method="GET",
                url=place,
                body=None,
                headers={**_LOOK, **(given or {})},
                repeatable=True,
                seconds=seconds,
                until=until,
            )
            answer = await self._delivery().deliver(order)
            if answer.status == 200:
                shape = find_shape(_json(answer.body), url.path)
                break
            if answer.status >= 500 or answer.status == 429:
                raise error_of(answer, endpoint, place.path)
        learned = _Route(name, url, shape)
        self._routes[endpoint.url, route] = learned
        return learned


def _schema_places(url: URL) -> list[URL]:
    """Return where the schema may be: beside the route, or above it, as a server may have several models."""
    parts = url.path.strip("/").split("/")[:-1]
    return [
        url.with_path("/".join(["", *parts[:count], "schema.json"])) for count in range(len(parts), -1, -1)
    ]


def _json(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
