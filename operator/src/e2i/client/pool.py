"""Sends one request over a kept connection, and says of a request without an answer whether it may have arrived.

It is the one module that knows aiohttp. No redirects, proxies, cookies or decompression: what a model answers goes to
the caller as it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from e2i.client.metrics import Metrics
from e2i.client.settings import Settings
from e2i.client.watched_socket import Sockets, WatchedSocket

_AUTOMATIC = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
"""Headers that aiohttp would add by itself: the caller's are sent, and no others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a server. `headers` are found by their names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """A request that was not answered. `arrived`: whether the server may have got it."""

    def __init__(self, what: str, *, arrived: bool) -> None:
        super().__init__(what)
        self.arrived = arrived


class TooLarge(Exception):
    """The answer has more bytes than are read of one."""


class _Stale(Exception):
    """The connection was not used: it is too old, or the server closed it."""


class _Sending:
    """One request and its connection."""

    __slots__ = ("acknowledged", "is_reused", "pool", "socket")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.socket: WatchedSocket | None = None
        self.acknowledged: int | None = None
        self.is_reused = False

    def take(self, connection: aiohttp.connector.Connection) -> None:
        """Look at the connection at the last moment before the request is sent; _Stale if it must not be used."""
        transport = connection.transport
        plain = transport.get_extra_info("socket") if transport else None
        taken = self.pool.sockets.find(plain.fileno()) if plain else None
        if taken is None:
            return
        self.socket, self.is_reused = taken, taken.uses > 0
        taken.uses += 1
        if self.is_reused and (taken.has_news() or self.pool.is_old(taken)):
            raise _Stale
        self.acknowledged = taken.acknowledged()

    def may_have_arrived(self) -> bool:
        """Return whether the server may have got the request, as far as is known."""
        if self.socket is None or self.acknowledged is None:
            return True
        return self.socket.acknowledged() != self.acknowledged


_sending: ContextVar[_Sending] = ContextVar("_sending")


class _Request(aiohttp.ClientRequest):
    """Tells the `_Sending` of this task which connection it got."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        _sending.get().take(conn)
        return await super().send(conn)


class Pool:
    """The connections of one client. To be made and closed in the event loop that uses it."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.sockets = Sockets()
        self._settings = settings
        self._metrics = metrics
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=settings.connections,
                keepalive_timeout=settings.keepalive,
                ttl_dns_cache=int(settings.connection_age),
                socket_factory=self.sockets.make,
            ),
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC,
            auto_decompress=False,
            trust_env=False,
            # The deadline of the whole call is kept outside.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout),
        )

    async def close(self) -> None:
        """Close all connections; safe to repeat."""
        await self._session.close()
        await self.sockets.end()

    def is_old(self, taken: WatchedSocket) -> bool:
        """Return whether a connection is not to be used again because of its age."""
        return time.monotonic() - taken.born > self._settings.connection_age

    async def exchange(self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Return the answer; NoAnswer or TooLarge if there is none.

        A kept connection that the server has closed is replaced at once: it costs no attempt.
        """
        while True:
            sending = _Sending(self)
            _sending.set(sending)
            try:
                return await self._exchange(method, url, body, headers)
            except _Stale:
                self._metrics.replaced("unused")
            except aiohttp.ConnectionTimeoutError as error:
                within = f"no connection within {self._settings.connect_timeout:g} s"
                raise NoAnswer(within, arrived=False) from error
            except aiohttp.ClientConnectorError as error:
                raise NoAnswer(f"no connection: {_reason(error)}", arrived=False) from error
            except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
                if sending.may_have_arrived():
                    raise NoAnswer(f"the connection broke off: {_words(error)}", arrived=True) from error
                if not sending.is_reused:
                    raise NoAnswer("the server closed a new connection at once", arrived=False) from error
                self._metrics.replaced("lost")

    async def _exchange(
        self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        async with self._session.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await self._read(response))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit, length = self._settings.largest_answer, response.content_length
        if length is not None and length <= limit:
            return await response.read()
        read = bytearray()
        async for chunk in response.content.iter_any():
            read += chunk
            if len(read) > limit:
                response.close()
                raise TooLarge
        return bytes(read)


def _reason(error: aiohttp.ClientConnectorError) -> str:
    number = error.os_error.errno or 0
    # A name that is not found has a number of its own, below zero.
    return os.strerror(number) if number > 0 else str(error.os_error.strerror or error.os_error)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
