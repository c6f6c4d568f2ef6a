"""A gateway without a network: its application is called as the server calls it, and the models are functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict

from e2i.gateway.app import App
from e2i.gateway.asking import Asking
from e2i.gateway.callers import Callers
from e2i.gateway.core.access import OPEN, Access, Caller
from e2i.gateway.core.interface import Interface, parse_interface
from e2i.gateway.core.models import Model, Served, State
from e2i.gateway.core.refusal import Refused
from e2i.gateway.directory import Directory
from e2i.gateway.edge.metrics import Metrics
from e2i.gateway.inference import Inference
from e2i.gateway.pages import Pages
from e2i.gateway.routes import Routes

CUSTOMER = {"tenure_months": 3, "charge": 95.0, "contract": "monthly"}
ROW = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tenure_months", "charge", "contract"],
    "properties": {
        "tenure_months": {"type": "integer", "minimum": 0},
        "charge": {"type": "number"},
        "contract": {"type": "string", "enum": ["monthly", "yearly"]},
        "region": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}
ANSWER = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "bento": {"type": "string"},
        "label": {"enum": ["leaves", "stays"], "type": "string"},
        "probabilities": {
            "additionalProperties": {"type": "number"},
            "propertyNames": {"enum": ["leaves", "stays"]},
            "type": "object",
        },
    },
}
LEAVES = {
    "label": "leaves",
    "probabilities": {"leaves": 0.9, "stays": 0.1},
    "model": "churn:1.0.0",
    "bento": "churn:1.0.0",
}


def schema(*prefixes: str, row: Mapping[str, Any] = ROW) -> dict[str, Any]:
    """/schema.json of a bento that has predict, predict_batch and explain below each prefix."""
    one = {"type": "object", "required": ["input_data"], "properties": {"input_data": row}}
    many = {
        "type": "object",
        "required": ["input_data"],
        "properties": {"input_data": {"type": "array", "items": row}},
    }
    routes = [
        {"route": f"{prefix}/{name}", "input": many if name == "predict_batch" else one, "output": ANSWER}
        for prefix in prefixes or ("",)
        for name in ("predict", "predict_batch", "explain")
    ]
    return {"name": "pair", "routes": [*routes, {"route": "/health", "input": {}, "output": {}}]}


def interface(*prefixes: str, row: Mapping[str, Any] = ROW) -> Interface:
    return parse_interface(schema(*prefixes, row=row))


def model(name: str = "churn", namespace: str = "models", **fields: Any) -> Model:
    """A model that serves."""
    last = Served(release=f"{name}-1", bento=f"{name}:1.0.0", digest="sha256:1", since="2026-11-30T12:00:00Z")
    given = {"url": f"http://{name}.{namespace}:3000", "last": last, "state": State.Serving} | fields
    return Model(namespace=namespace, name=name, **given)


@dataclass(frozen=True)
class Sent:
    """A request that reached a model."""

    model: str
    path: str
    body: Any
    headers: Mapping[str, str]
    deadline: float


@dataclass(frozen=True)
class Given:
    """What a model answers."""

    status: int = 200
    body: bytes = json.dumps(LEAVES).encode()
    headers: Mapping[str, str] = field(
        default_factory=lambda: CIMultiDict({"Content-Type": "application/json"})
    )


@dataclass
class FakeUpstream:
    """Remembers what is sent. `answer` gets it, and returns what the model answers or raises Refused."""

    answer: Callable[[Sent], Given] = lambda sent: Given()
    sent: list[Sent] = field(default_factory=list)
    hold: asyncio.Semaphore | None = None
    """Answers are given as it is released."""
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def send(
        self, model: str, path: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Given:
        self.sent.append(Sent(model, path, json.loads(body), headers, deadline))
        self.arrived.release()
        if self.hold:
            await self.hold.acquire()
        return self.answer(self.sent[-1])


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class GatewayLab:
    """A gateway whose models, interfaces and callers a test sets."""

    def __init__(
        self,
        models: Iterable[Model] = (),
        interfaces: Mapping[str, Interface | None] | None = None,
        *,
        access: Access = OPEN,
        timeout: float = 60.0,
        most_requests: int = 10,
        most_body: int = 10_000,
    ) -> None:
        """`interfaces` by model; a model that is not in it takes what `ROW` says."""
        self.interfaces = dict(interfaces or {})
        self.reads: list[str] = []
        self.upstream = FakeUpstream()
        self.metrics = Metrics()
        self.unready = ""
        self.circuits: dict[tuple[str, str], str] = {}
        self.metrics.follow_circuits(lambda: self.circuits)
        self.seconds = 0.0
        """The clock."""
        self.models = list(models)
        self.directory = Directory(self._read, (self.metrics,), lambda: self.seconds)
        self.callers = Callers(self._verify, lambda: self.seconds, access)
        asking = Asking(self.directory, self.upstream, timeout, most_requests)
        pages = Pages(self.directory, self.metrics, lambda: self.circuits, lambda: self.unready)
        inference = Inference(self.directory, asking)
        routes = Routes(self.directory, self.callers, asking, inference, pages)
        self.app = App(routes.admit, self.metrics, most_body, timeout)

    async def known(self) -> GatewayLab:
        """Take the models, and read what they take."""
        self.directory.replace(self.models)
        await self.directory.settled()
        return self

    async def get(self, path: str, **headers: str) -> Answered:
        return await self.call("GET", path, b"", headers)

    async def post(self, path: str, content: Any, headers: Mapping[str, str] | None = None) -> Answered:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await self.call("POST", path, body, headers or {})

    async def call(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, stops: bool = False
    ) -> Answered:
        """`stops`: the caller sends the begin of its body, and then nothing."""
        path, _, query = path.partition("?")
        given = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [*given, (b"content-length", str(len(body)).encode())],
        }
        # In two pieces, as a body may come.
        pieces = [
            {"type": "http.request", "body": body[:5], "more_body": True},
            {"type": "http.request", "body": body[5:]},
        ]
        if stops:
            pieces.pop()
        messages: list[Any] = []

        async def receive() -> Any:
            # A caller that was too slow: nothing more comes.
            return pieces.pop(0) if pieces else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start = messages[0]
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answered(start["status"], found, b"".join(each["body"] for each in messages[1:]).decode())

    async def _read(self, model: Model) -> Interface | None:
        self.reads.append(model.title)
        return self.interfaces.get(model.name, interface())

    async def _verify(self, token: str, access: Access) -> Caller:
        raise AssertionError("no token was sent")


def refused(error: Refused) -> Callable[[Sent], Given]:
    """An answer that is none."""

    def answer(sent: Sent) -> Given:
        raise error

    return answer
