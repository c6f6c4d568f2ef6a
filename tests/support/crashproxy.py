"""A reverse proxy that numbers the calls it is told to, and strikes at some of them.

It stands between the operator and a server (the API server, S3). Bodies and signatures pass unchanged, watches
are streamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from e2i.kube.sockets import Sockets

LARGEST_BODY = 64 << 20
_READS = ("get ", "head ", "list ")
_OF_ONE_CONNECTION = ("Connection", "Keep-Alive", "Transfer-Encoding", "Expect", "Content-Length")


class Mode(Enum):
    BEFORE = "killed before"
    AFTER = "killed after"
    CUT = "reply cut after"


@dataclass(frozen=True)
class Call:
    """The nth call of its kind: `apply bentorequests/churn-9f3c21aa`, 1."""

    what: str
    nth: int

    @property
    def is_read(self) -> bool:
        return self.what.startswith(_READS)

    def __str__(self) -> str:
        return f"{self.what} ({self.nth})" if self.nth > 1 else self.what


@dataclass(frozen=True)
class Strike:
    call: Call
    mode: Mode

    def __str__(self) -> str:
        return f"{self.mode.value} {self.call}"


@dataclass(frozen=True)
class Server:
    """What the proxy stands before; `path` may send a request to another path than the client asked for."""

    url: str
    serving: ssl.SSLContext | None = None
    trusting: ssl.SSLContext | bool = True
    path: Callable[[web.Request], str] = lambda request: request.raw_path


Name = Callable[[web.Request, bytes], str | None]
"""What a request is called; None if it is not to be counted."""


class CrashProxy:
    """`kill` ends the client at once, and returns when it has been started again."""

    def __init__(self, server: Server, name: Name, kill: Callable[[], Awaitable[None]]) -> None:
        self.calls: list[Call] = []
        self.port = 0
        self.struck: list[Strike] = []
        self._server = server
        self._name = name
        self._kill = kill
        self._armed: dict[Call, Strike] = {}
        self._counts: Counter[str] = Counter()

    def arm(self, strikes: Collection[Strike]) -> None:
        """Count from one again, and strike once at each of these calls."""
        self.calls = []
        self.struck = []
        self._counts.clear()
        self._armed = {strike.call: strike for strike in strikes}

    def count(self, what: str) -> int:
        """How often this was called since the proxy was armed."""
        return self._counts[what]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[CrashProxy]:
        sockets = Sockets()
        connector = aiohttp.TCPConnector(limit=0, ssl=self._server.trusting, socket_factory=sockets.make)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # A watch whose client is gone must end although nothing more comes from the server.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._server.serving)
            await site.start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()
            await self._session.close()
            await sockets.end()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        what = self._name(request, body)
        if what is None:
            return await self._pass(request, body)
        self._counts[what] += 1
        call = Call(what, self._counts[what])
        self.calls.append(call)
        strike = self._armed.pop(call, None)
        if strike is None:
            return await self._pass(request, body)
        # In a task of its own: the death of the client cancels this handler.
        return await asyncio.shield(asyncio.create_task(self._strike_at(request, body, strike)))

    async def _strike_at(self, request: web.Request, body: bytes, strike: Strike) -> web.StreamResponse:
        if strike.mode is not Mode.BEFORE:
            async with self._forward(request, body) as answer:
                await answer.read()
        self.struck.append(strike)
        if strike.mode is Mode.CUT and request.transport:
            request.transport.abort()
        else:
            await self._kill()
        return web.Response(status=500)

    async def _pass(self, request: web.Request, body: bytes) -> web.StreamResponse:
        async with self._forward(request, body) as answer:
            if "watch" in request.query:
                return await _stream(request, answer)
            content = await answer.read()
            passed = web.Response(status=answer.status, headers=_headers(answer.headers), body=content)
            if request.method == "HEAD":
                passed.headers["Content-Length"] = answer.headers.get("Content-Length", "0")
            return passed

    def _forward(
        self, request: web.Request, body: bytes
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url = URL(self._server.url + self._server.path(request), encoded=True)
        data = io.BytesIO(body) if body else None
        return self._session.request(
            request.method, url, headers=_headers(request.headers), data=data, allow_redirects=False
        )


async def _stream(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    passed = web.StreamResponse(status=answer.status, headers=_headers(answer.headers))
    # A client that was killed reads no more.
    with contextlib.suppress(ConnectionError):
        await passed.prepare(request)
        async for chunk in answer.content.iter_any():
            await passed.write(chunk)
    return passed


def _headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((k, v) for k, v in headers.items() if k.title() not in _OF_ONE_CONNECTION)
