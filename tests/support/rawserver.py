"""A real HTTP server on loopback that answers with exactly the bytes that a test gives it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from e2i.kube import Kube
from e2i.kube.access import Access

HANG = b"hang"
"""Instead of an answer: keep the connection open and silent."""


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request], bytes]


@dataclass
class RawServer:
    """Answers by `answer`, closes each connection, and keeps the requests."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            request = await _read(reader)
            self.requests.append(request)
            answer = self.answer(request)
            if answer.endswith(HANG):
                writer.write(answer.removesuffix(HANG))
                await writer.drain()
                await reader.read()  # until the client goes
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Request(method, parts.path, query, headers, body)


def http(status: str, body: bytes | str = b"", *headers: str, length: int | None = None) -> bytes:
    """Return an HTTP answer; `length` other than the body's makes one that breaks off."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content) if length is None else length}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def ok(value: Any) -> bytes:
    """Return a 200 with `value` as JSON."""
    return http("200 OK", json.dumps(value), "Content-Type: application/json")


def stream(*lines: bytes | str | dict[str, Any]) -> bytes:
    """Return the beginning of a watch stream with these lines; it ends when the connection is closed."""
    texts = [json.dumps(line).encode() + b"\n" if isinstance(line, dict) else line for line in lines]
    body = b"".join(text.encode() if isinstance(text, str) else text for text in texts)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body


def access(server: str) -> Access:
    """Everybody's access to this server."""

    async def nobody() -> dict[str, str]:
        return {}

    return Access(server=server, credentials=nobody, tls=ssl.create_default_context())


@asynccontextmanager
async def running(answer: Answer) -> AsyncIterator[tuple[RawServer, Kube]]:
    """A server that answers so, and a client of it."""
    raw = RawServer(answer)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        async with Kube(access(f"http://127.0.0.1:{raw.port}")) as kube:
            yield raw, kube
    finally:
        server.close()
