"""Callers that ask again as soon as they are answered, over connections that stay open. Light: the server has to be
what is slow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    rate: float
    """Answers a second."""
    seconds: list[float]
    """How long each answer took."""


async def load(port: int, route: str, body: bytes, callers: int, seconds: float) -> Load:
    """Callers that POST the same body for so many seconds; RuntimeError when an answer is not 200."""
    lines = (
        f"POST {route} HTTP/1.1",
        "Host: bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    request = "\r\n".join((*lines, "", "")).encode() + body
    taken: list[float] = []
    started = time.perf_counter()
    calls = (_call(port, request, started + seconds, taken) for _ in range(callers))
    await asyncio.gather(*calls)
    return Load(len(taken) / (time.perf_counter() - started), taken)


async def _call(port: int, request: bytes, until: float, taken: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        asked = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        (length,) = (line[15:] for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        answer = await reader.readexactly(int(length))
        if head.split(b" ", 2)[1] != b"200":
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {answer.decode()[:500]}")
        taken.append(time.perf_counter() - asked)
    writer.close()
    await writer.wait_closed()
