"""One connection to an API server, with one identity.

It sends the requests itself, because the client package follows redirects, reads answers of any size, and writes
characters beyond the first 65,536 in a form that no YAML parser accepts (a server-side apply is YAML).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpProcessingError

from e2i import clock
from e2i.kube.access import Access, service_account
from e2i.kube.errors import ApiError
from e2i.kube.exchange import Response, exchange
from e2i.kube.kinds import Object
from e2i.kube.plain_kubeconfig import plain_access
from e2i.kube.responses import error_from_response, parse_object, read, unreachable
from e2i.kube.sockets import Sockets

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_TIMEOUT = 30.0
USER_AGENT = "e2i"
CONNECTIONS = 100
"""Sockets at the same time."""
READ_BUFFER = 2**21
JSON = "application/json"
APPLY = "application/apply-patch+yaml"

_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class Connection:
    """Sends requests to one API server."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session: aiohttp.ClientSession | None = None
        self._sockets = Sockets()
        self._may_write: Callable[[], None] = _always
        self._asked: Callable[[str, int], None] = _ignore

    @classmethod
    async def from_kubeconfig(cls, path: Path, context: str | None = None) -> Self:
        """Connect with the kubeconfig and its context; ApiError (BadKubeconfig) if the file cannot be used."""
        if access := plain_access(path, context):
            return cls(access)
        from e2i.kube.kubeconfig_access import kubeconfig_access

        return cls(await kubeconfig_access(path, context))

    @classmethod
    async def from_service_account(cls, directory: Path = SERVICE_ACCOUNT_DIR) -> Self:
        """Connect as the pod's service account; the token is read again every minute."""
        return cls(service_account(directory, os.environ))

    def fence(self, may_write: Callable[[], None]) -> None:
        """Ask `may_write` before each write is sent. If it raises ApiError, the write is not sent."""
        self._may_write = may_write

    def count(self, asked: Callable[[str, int], None]) -> None:
        """Call `asked` with method and status of each answer; status 0 for a request without one."""
        self._asked = asked

    async def close(self) -> None:
        """Close all sockets; safe to repeat."""
        if self._session:
            await self._session.close()
            await self._sockets.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109
    ) -> Object:
        """Send one request and return the answer's JSON object; ApiError for every failure."""
        sending = self.open(method, path, query or {}, timeout, body=body, content_type=content_type)
        async with sending as response:
            return parse_object(await read(response))

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109
        *,
        body: Object | None = None,
        content_type: str = JSON,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request and yield the answer with its body unread.

        ApiError if it cannot be sent, is refused, or breaks off while the caller reads it.
        """
        answered = False
        try:
            async with self._open_session().request(
                method,
                self.server + path,
                params=query,
                data=None if body is None else encode(body),
                headers=await self._headers(content_type),
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
                proxy=self._access.proxy,
                proxy_headers=self._access.proxy_headers,
                server_hostname=self._access.tls_server_name,
            ) as response:
                answered = True
                self._asked(method, response.status)
                if not 200 <= response.status < 300:
                    raise await error_from_response(response)
                clock.hear(response.headers.get("Date", ""))
                yield response
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError) as error:
            if not answered:
                self._asked(method, 0)
            raise unreachable(f"API server {self.server}", error) from error

    @property
    def server(self) -> str:
        """The API server's address: https://127.0.0.1:6443."""
        return self._access.server

    async def forward(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109
    ) -> Response:
        """Send `body` unchanged to a path that the API server forwards (a proxy), and return any answer unchanged.

        ApiError(0) if the API server cannot be reached or does not answer in time.
        """
        return await exchange(
            self._open_session(),
            method,
            self.server + path,
            body,
            {**await self._headers(JSON), **headers},
            timeout,
            proxy=self._access.proxy,
            proxy_headers=self._access.proxy_headers,
            server_hostname=self._access.tls_server_name,
        )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Without the environment and ~/.netrc: aiohttp would read them in threads for each request, and
            # would not send our token to a host for which ~/.netrc has a password.
            connector = aiohttp.TCPConnector(
                ssl=self._access.tls, limit=CONNECTIONS, socket_factory=self._sockets.make
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                request_class=_fenced(lambda: self._may_write()),
                trust_env=False,
                read_bufsize=READ_BUFFER,
            )
        return self._session

    async def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Accept": JSON, "Content-Type": content_type, "User-Agent": USER_AGENT}
        return headers | dict(await self._access.credentials())


def _always() -> None:
    """Allow every write."""


def _ignore(method: str, status: int) -> None:
    """Count nothing."""


def _fenced(may_write: Callable[[], None]) -> type[aiohttp.ClientRequest]:
    """Return a class of requests that ask `may_write` when they have a connection, so at the last moment."""

    class Request(aiohttp.ClientRequest):
        async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            if self.method != "GET":
                may_write()
            return await super().send(conn)

        async def write_bytes(
            self, writer: AbstractStreamWriter, conn: aiohttp.connector.Connection, *length: int | None
        ) -> None:
            # Up to Python 3.11 the body is written a turn of the event loop later, with the headers.
            try:
                may_write()
            except ApiError as refused:
                if conn.protocol is not None:  # Else the connection is gone, which its reader learns.
                    conn.protocol.set_exception(refused)
            else:
                await super().write_bytes(writer, conn, *length)

    return Request


def encode(body: Object) -> bytes:
    """Return `body` as UTF-8 that JSON and YAML parsers read alike.

    YAML accepts no pair of surrogate escapes, so characters are written as they are. Characters that YAML forbids or
    reads as line breaks are escaped, and a lone surrogate, which is no character, is replaced.
    """
    text = _NOT_YAML.sub(_escape, json.dumps(body, ensure_ascii=False))
    return text.encode()


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"
