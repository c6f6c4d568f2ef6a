"""A client of one model, at a server that answers as a test says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from support.rawserver import RawServer, Request, http

from e2i.client import AsyncClient, BreakerSettings, Endpoints, Metrics, Settings

QUICK = Settings(first_pause=0.001, longest_pause=0.002, breaker=BreakerSettings(min_requests=100))


class Notes(Metrics):
    """Keeps what is counted."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.retries = 0
        self.connections: Counter[str] = Counter()

    def ended(self, model: str, outcome: str, seconds: float) -> None:
        self.outcomes.append(outcome)

    def repeated(self, model: str) -> None:
        self.retries += 1

    def replaced(self, when: str) -> None:
        self.connections[when] += 1


@dataclass
class Served:
    """A server, a client of it, and what the client counted."""

    server: RawServer
    client: AsyncClient
    notes: Notes = field(default_factory=Notes)

    @property
    def bodies(self) -> list[bytes]:
        """Of all requests but those for the schema."""
        return [request.body for request in self.server.requests if request.path != "/schema.json"]


@asynccontextmanager
async def served(answer: Callable[[Request], bytes], settings: Settings = QUICK) -> AsyncIterator[Served]:
    """The model `churn` at a server that answers so, called by a client with these settings."""
    raw, notes = RawServer(answer), Notes()
    listening = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = listening.sockets[0].getsockname()[1]
    endpoints = Endpoints.from_mapping({"churn": f"http://127.0.0.1:{raw.port}"})
    try:
        async with AsyncClient(endpoints, settings=settings, metrics=notes) as client:
            yield Served(raw, client, notes)
    finally:
        listening.close()


def in_turn(*answers: bytes) -> Callable[[Request], bytes]:
    """Answer with one after the other, the last one for ever; the schema is not had."""
    left: Iterator[bytes] = iter(answers)

    def answer(request: Request) -> bytes:
        return http("404 Not Found") if request.path == "/schema.json" else next(left, answers[-1])

    return answer


def schema(*parameters: str) -> dict[str, Any]:
    """A BentoML schema whose route /predict has these parameters."""
    return {"routes": [{"route": "/predict", "input": {"properties": {name: {} for name in parameters}}}]}
