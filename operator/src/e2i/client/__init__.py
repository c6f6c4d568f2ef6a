"""Calls models by their names: with kept connections, deadlines, retries and a circuit breaker for each model."""

from e2i.client.answers import Prediction
from e2i.client.asynchronous import AsyncClient
from e2i.client.breaker import CircuitBreaker, State
from e2i.client.delivery import DEADLINE_HEADER
from e2i.client.endpoints import Endpoint, Endpoints, EndpointsInvalid, Identity
from e2i.client.errors import (
    BadInput,
    CircuitOpen,
    ClientError,
    DeadlineExceeded,
    InputProblem,
    ModelFailed,
    ModelNotFound,
    NotReady,
    Overloaded,
    Refused,
    Unreachable,
)
from e2i.client.metrics import Metrics, PrometheusMetrics
from e2i.client.pool import Answer
from e2i.client.settings import BreakerSettings, Settings
from e2i.client.synchronous import Client

__all__ = [
    "DEADLINE_HEADER",
    "Answer",
    "AsyncClient",
    "BadInput",
    "BreakerSettings",
    "CircuitBreaker",
    "CircuitOpen",
    "Client",
    "ClientError",
    "DeadlineExceeded",
    "Endpoint",
    "Endpoints",
    "EndpointsInvalid",
    "Identity",
    "InputProblem",
    "Metrics",
    "ModelFailed",
    "ModelNotFound",
    "NotReady",
    "Overloaded",
    "Prediction",
    "PrometheusMetrics",
    "Refused",
    "Settings",
    "State",
    "Unreachable",
]
