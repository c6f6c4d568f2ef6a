"""The metrics of the gateway. Its labels are bounded: known models, their routes, and status codes."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from e2i.gateway.core.interface import Interface
from e2i.gateway.core.models import Model, State
from e2i.gateway.core.routing import Key

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
LABELS = {
    "e2i_gateway_requests": ("model", "route", "code"),
    "e2i_gateway_request_duration_seconds": ("model", "route"),
    "e2i_gateway_refused": ("reason",),
    "e2i_gateway_models": ("state",),
    "e2i_gateway_circuit_state": ("model",),
}
_LEVELS = {"closed": 0, "half_open": 1, "open": 2}
Circuits = Callable[[], Mapping[Key, str]]


class Metrics:
    """The series of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "e2i_gateway_requests",
            "Requests that were answered.",
            LABELS["e2i_gateway_requests"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "e2i_gateway_request_duration_seconds",
            "Time from a request's head to its answer.",
            LABELS["e2i_gateway_request_duration_seconds"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._refused = Counter(
            "e2i_gateway_refused",
            "Requests that the gateway refused by itself.",
            LABELS["e2i_gateway_refused"],
            registry=self.registry,
        )
        self._models = Gauge(
            "e2i_gateway_models",
            "Models that are known, by state.",
            LABELS["e2i_gateway_models"],
            registry=self.registry,
        )
        self._counted: dict[str, set[tuple[str, str]]] = {}
        """Route and code of each model that has series."""
        self._states: dict[Key, str] = {}

    def follow_circuits(self, circuits: Circuits) -> None:
        """Show the circuit of each model, as it is at the scrape: an open one becomes half open by time alone."""
        self.registry.register(_CircuitStates(circuits))

    def count(self, model: str, route: str, code: int, seconds: float) -> None:
        """Count an answer. `model` and `route` are names that the gateway knows, or empty."""
        said = (route or OTHER, str(code))
        self._counted.setdefault(model, set()).add(said)
        self._requests.labels(model, *said).inc()
        self._seconds.labels(model, said[0]).observe(seconds)

    def count_refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def put(self, model: Model, interface: Interface | None) -> None:
        """Show the state of a model."""
        self._states[model.key] = model.state.name
        self._show_states()

    def drop(self, model: Model) -> None:
        """Drop the series of a model that is gone: names come and go for as long as the process lives."""
        self._states.pop(model.key, None)
        self._show_states()
        counted = self._counted.pop(model.title, set())
        for route, code in counted:
            self._requests.remove(model.title, route, code)
        for route in {route for route, _ in counted}:
            self._seconds.remove(model.title, route)

    def _show_states(self) -> None:
        counted = collections.Counter(self._states.values())
        for state in State:
            self._models.labels(state.name).set(counted[state.name])

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _CircuitStates(Collector):
    """Reads the circuits when it is asked, which may be in a thread of its own."""

    def __init__(self, circuits: Circuits) -> None:
        self._circuits = circuits

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "e2i_gateway_circuit_state",
            "Circuit of a model in this gateway. 0: closed, 1: half open, 2: open.",
            labels=LABELS["e2i_gateway_circuit_state"],
        )
        for (namespace, name), state in self._circuits().items():
            family.add_metric([f"{namespace}/{name}" if namespace else name], _LEVELS[state])
        yield family
