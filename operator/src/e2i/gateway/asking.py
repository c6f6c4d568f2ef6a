"""A request to a model, from its name to the model's answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from e2i.client import DEADLINE_HEADER
from e2i.gateway.callers import require_permission
from e2i.gateway.core.access import Caller
from e2i.gateway.core.health import unavailable
from e2i.gateway.core.interface import parse_json
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.core.routing import Target
from e2i.gateway.directory import Directory
from e2i.gateway.exchange import JSON, Answer, Request

LONGEST_NUMBER = 12
PASSED_ON = ("retry-after", "x-bentoml-request-id")
"""Headers of a model's answer that its caller gets."""


class UpstreamAnswer(Protocol):
    """The answer of a model."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Upstream(Protocol):
    """Sends requests to models. Every failure is Refused."""

    async def send(
        self, model: str, path: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> UpstreamAnswer:
        """Return what the model answered, whatever its status."""
        ...


class Asking:
    """Sends requests on to the models."""

    def __init__(self, directory: Directory, upstream: Upstream, timeout: float, most: int) -> None:
        """`most`: requests to one model at the same time."""
        self._directory = directory
        self._upstream = upstream
        self._timeout = timeout
        self._most = most
        self._under_way: Counter[str] = Counter()

    def choose(self, request: Request, caller: Caller) -> tuple[Target, Request]:
        """Return the target that query or body name, and the request without that name; Refused if it is unclear."""
        table = self._directory.table
        if name := request.parameter("model"):
            return table.find(name, caller.grant.allows), request
        if b'"model"' in request.body:
            content = parse_json(request.body)
            if isinstance(content, dict) and isinstance(name := content.pop("model", None), str):
                body = json.dumps(content).encode()
                return table.find(name, caller.grant.allows), _with_body(request, body)
        return table.only(model for model in table.models if caller.grant.allows(model)), request

    async def ask(self, request: Request, caller: Caller, target: Target, name: str) -> Answer:
        """Return the answer of the route `name` of a model; Refused if it is not asked, or gives none."""
        try:
            path = self.admit(caller, target, name)
            is_json = await self.check(target, path, request.body)
            answer = await self.send(request, target, path, request.body, is_json=is_json)
        except Refused as refused:
            refused.model = target.model.title
            refused.route = name if target.interface and name in target.routes else ""
            raise
        return Answer(
            status=answer.status,
            body=answer.body,
            content_type=answer.headers.get("Content-Type", JSON),
            headers=_headers(answer, target),
            model=target.model.title,
            route=name if target.interface else "",
        )

    def admit(self, caller: Caller, target: Target, name: str) -> str:
        """Return the path of a route at the model; Refused if this caller cannot have it now."""
        require_permission(caller, target.model)
        if not target.model.is_answering:
            raise unavailable(target.model)
        return target.path(name)

    async def send(
        self, request: Request, target: Target, path: str, body: bytes, *, is_json: bool
    ) -> UpstreamAnswer:
        """Return the model's answer, whatever its status. `is_json`: the body is, whatever its header says."""
        title = target.model.title
        if self._under_way[title] >= self._most:
            raise Refused(
                Reason.ModelOverloaded,
                f"{self._most} requests to {title} are under way already: ask again later, or give it more replicas",
                retry_after=1.0,
            )
        self._under_way[title] += 1
        try:
            return await self._upstream.send(
                title, path, body, _sent_headers(request, is_json), self._deadline(request)
            )
        finally:
            self._under_way[title] -= 1
            if not self._under_way[title]:
                del self._under_way[title]

    async def check(self, target: Target, path: str, body: bytes) -> bool:
        """Return whether the body is known to be JSON; Refused if it is not as the model wants it.

        A model may have changed since it was last asked.
        """
        route = target.route(path)
        if route is None:
            return False
        try:
            route.require_valid(body)
        except Refused:
            if await self._directory.renewed(target.model):
                renewed = self._renewed(target).route(path)
                if renewed is None:
                    return False
                renewed.require_valid(body)
                return True
            raise
        return True

    def _renewed(self, target: Target) -> Target:
        return self._directory.table.find(target.name, lambda model: model.key == target.model.key)

    def _deadline(self, request: Request) -> float:
        given = request.headers.get(DEADLINE_HEADER)
        if given is None:
            return self._timeout
        if not given.isascii() or not given.isdigit() or len(given) > LONGEST_NUMBER or int(given) == 0:
            raise Refused(
                Reason.BadRequest,
                f"{DEADLINE_HEADER}: {given[:40]!r} is no number of milliseconds above 0",
                details={"field": DEADLINE_HEADER},
            )
        return min(self._timeout, int(given) / 1000)


def _with_body(request: Request, body: bytes) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        headers=request.headers,
        body=body,
        query=request.query,
        id=request.id,
    )


def _sent_headers(request: Request, is_json: bool) -> dict[str, str]:
    # curl says of JSON that it is a form, unless it is given a header, and BentoML believes that.
    kind = JSON if is_json else request.headers.get("content-type", JSON)
    sent = {"Content-Type": kind, "X-Request-Id": request.id}
    if "traceparent" in request.headers:
        sent["traceparent"] = request.headers["traceparent"]
    return sent


def _headers(answer: UpstreamAnswer, target: Target) -> tuple[tuple[str, str], ...]:
    headers = [(name, answer.headers[name]) for name in PASSED_ON if name in answer.headers]
    last = target.model.last
    # Said only if the answer itself names the bento: the address may have moved on a moment ago.
    if last and last.bento and not target.model.several and last.bento.encode() in answer.body:
        headers += [("x-e2i-release", last.release), ("x-e2i-digest", last.digest)]
    return tuple(headers)
