"""Metrics of clients, by prometheus-client where that is installed; else nothing is counted.

All clients of a process share them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from e2i.client.breaker import State

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LEVELS = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


class Metrics:
    """Counts nothing."""

    def ended(self, model: str, outcome: str, seconds: float) -> None:
        """A call ended. `outcome`: the status, or the name of the error."""

    def repeated(self, model: str) -> None:
        """A request is sent again after a pause."""

    def replaced(self, when: str) -> None:
        """A kept connection was of no use, and the request went out by another one at once.

        `when`: unused, if that was seen before the request was sent; lost, if the server closed while the request
        was on its way.
        """

    def circuit(self, model: str, state: State) -> None:
        """The circuit of a model is in this state now."""


class PrometheusMetrics(Metrics):
    """Counts in a registry of prometheus-client."""

    def __init__(self, registry: Any = None) -> None:
        import prometheus_client as prometheus

        place = registry or prometheus.REGISTRY
        self._seconds = prometheus.Histogram(
            "e2i_client_request_seconds",
            "Seconds of calls of models, all attempts included.",
            ["model", "outcome"],
            buckets=BUCKETS,
            registry=place,
        )
        self._retries = prometheus.Counter(
            "e2i_client_retries", "Requests that were sent again after a pause.", ["model"], registry=place
        )
        self._state = prometheus.Gauge(
            "e2i_client_circuit_state", "0: closed, 1: half open, 2: open.", ["model"], registry=place
        )
        self._changes = prometheus.Counter(
            "e2i_client_circuit_changes",
            "Changes of the circuit's state.",
            ["model", "state"],
            registry=place,
        )
        self._replaced = prometheus.Counter(
            "e2i_client_replaced_connections",
            "Kept connections that were closed or too old when a request was to be sent.",
            ["when"],
            registry=place,
        )
        self._children: dict[tuple[str, str], Any] = {}

    def ended(self, model: str, outcome: str, seconds: float) -> None:
        child = self._children.get((model, outcome))
        if child is None:
            child = self._children[model, outcome] = self._seconds.labels(model, outcome)
        child.observe(seconds)

    def repeated(self, model: str) -> None:
        self._retries.labels(model).inc()

    def replaced(self, when: str) -> None:
        self._replaced.labels(when).inc()

    def circuit(self, model: str, state: State) -> None:
        self._state.labels(model).set(_LEVELS[state])
        self._changes.labels(model, state.value).inc()


@cache
def default_metrics() -> Metrics:
    """Return the metrics of this process."""
    try:
        return PrometheusMetrics()
    except ModuleNotFoundError:
        return Metrics()
