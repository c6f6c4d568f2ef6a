"""The ASGI application: it reads a request, finds its handler, and writes the answer.

It is written on ASGI itself: between the server and the models there is nothing but what a request needs
(docs/decisions/0045-the-gateway.md).
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.edge.metrics import Metrics
from e2i.gateway.exchange import JSON, Answer, Request, encoded

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handle = Callable[[Request], Awaitable[Answer]]
Admit = Callable[[Request], Awaitable[Handle]]
"""Returns the handler of a request whose body has not been read; Refused if it shall not be read."""

_REQUEST_ID = re.compile(r"[-._~+/=:A-Za-z0-9]{1,128}")
logger = logging.getLogger("e2i.gateway")


class App:
    """Answers HTTP requests. `is_draining`: every answer asks to close the connection, because the process will end."""

    def __init__(self, admit: Admit, metrics: Metrics, most_body: int, timeout: float) -> None:
        """`timeout`: seconds in which a body has to arrive."""
        self.is_draining = False
        self._admit = admit
        self._metrics = metrics
        self._most_body = most_body
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.monotonic()
        request = _head(scope)
        try:
            handle = await self._admit(request)
            body = await self._read(request, receive)
            if body is None:
                return
            answer = await handle(_with_body(request, body))
        except Refused as refused:
            self._metrics.count_refused(refused.reason.name)
            answer = _refusal(refused, request.id)
        except asyncio.CancelledError:
            raise
        except Exception:
            # A bug in one request is answered and logged: the requests of others go on.
            logger.exception(
                "the gateway failed at %s %s (request %s)", request.method, request.path[:200], request.id
            )
            answer = Answer(
                status=500,
                body=encoded({"error": "the gateway failed: its log says why", "requestId": request.id}),
            )
        self._metrics.count(answer.model, answer.route, answer.status, time.monotonic() - started)
        await self._write(answer, request, send)

    async def _read(self, request: Request, receive: Receive) -> bytes | None:
        """Return the body, None if the caller went away; Refused if it is too large."""
        length = request.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > self._most_body:
            raise self._too_large()
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(body) > self._most_body:
                raise self._too_large()
            return body
        try:
            async with asyncio.timeout(self._timeout):
                return await self._read_rest(body, receive)
        except TimeoutError as error:
            raise Refused(
                Reason.DeadlineExceeded, f"the body did not arrive within {self._timeout:g} s"
            ) from error

    async def _read_rest(self, begin: bytes, receive: Receive) -> bytes | None:
        parts, size, more = [begin], len(begin), True
        while more:
            if size > self._most_body:
                raise self._too_large()
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
        if size > self._most_body:
            raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> Refused:
        return Refused(
            Reason.BodyTooLarge,
            f"the body has more than {self._most_body} bytes: send fewer rows at once, or raise "
            "E2I_GATEWAY_MAX_BODY_BYTES",
        )

    async def _write(self, answer: Answer, request: Request, send: Send) -> None:
        headers = [
            (b"content-type", answer.content_type.encode("latin-1")),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-request-id", request.id.encode()),
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers),
        ]
        if self.is_draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if request.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})


def _head(scope: Scope) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    given = headers.get("x-request-id", "")
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        id=given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex,
    )


def _with_body(request: Request, body: bytes) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        id=request.id,
        body=body,
    )


def _refusal(refused: Refused, request_id: str) -> Answer:
    headers: list[tuple[str, str]] = []
    if refused.retry_after is not None:
        headers.append(("retry-after", str(max(1, math.ceil(refused.retry_after)))))
    if refused.reason is Reason.NotAuthenticated:
        headers.append(("www-authenticate", "Bearer"))
    if allowed := refused.details.get("allow"):
        headers.append(("allow", ", ".join(allowed)))
    body = encoded(refused.body(request_id))
    if refused.reason is Reason.BodyTooLarge:
        # The rest of it is not read.
        headers.append(("connection", "close"))
    return Answer(
        status=refused.reason.status,
        body=body,
        content_type=JSON,
        headers=tuple(headers),
        model=refused.model,
        route=refused.route,
    )
