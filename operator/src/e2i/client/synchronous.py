"""`Client`: the same calls for code without an event loop; threads may share it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from e2i.client.answers import Prediction
from e2i.client.asynchronous import AsyncClient
from e2i.client.breaker import State
from e2i.client.endpoints import Endpoints
from e2i.client.metrics import Metrics
from e2i.client.pool import Answer
from e2i.client.settings import Settings

Result = TypeVar("Result")


class Client:
    """Calls models from ordinary code. Its connections live in a thread of their own, until it is closed.

    with Client(Endpoints.from_file("config/model_endpoints.yaml")) as client:
        prediction = client.predict("churn_model", {"tenure_months": 3, ...})
    """

    def __init__(
        self, endpoints: Endpoints, *, settings: Settings | None = None, metrics: Metrics | None = None
    ) -> None:
        self._client = AsyncClient(endpoints, settings=settings, metrics=metrics)
        self._loop = asyncio.new_event_loop()
        # A daemon: a program that forgets to close its client can end.
        self._thread = threading.Thread(target=self._loop.run_forever, name="e2i-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def endpoints(self) -> Endpoints:
        return self._client.endpoints

    def close(self) -> None:
        """Close all connections and end the thread; safe to repeat."""
        if self._loop.is_closed():
            return
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def predict(
        self,
        model: str,
        data: Any,
        *,
        route: str = "predict",
        deadline: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Prediction:
        """Return what the model answers for `data`, as `AsyncClient.predict` does."""
        return self._run(self._client.predict(model, data, route=route, deadline=deadline, headers=headers))

    def send(
        self,
        model: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """Send these bytes and return the answer, as `AsyncClient.send` does."""
        return self._run(self._client.send(model, method, path, body, headers, deadline))

    def circuit(self, model: str) -> State:
        """Return the state of the model's circuit breaker."""

        async def look() -> State:
            return self._client.circuit(model)

        return self._run(look())

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("This client is closed: make another one.")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C while waiting: the request ends, too.
            future.cancel()
            raise
