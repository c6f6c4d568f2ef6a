"""A kept connection that the server closes costs no request, and no request is sent twice that may not be."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.client_lab import QUICK, Notes
from support.deep import is_deep

from e2i.client import AsyncClient, Endpoints, Metrics, Unreachable

TESTS = Path(__file__).resolve().parents[2]
KEEPALIVE = 0.02
CALLERS = 64
# So that only the server closes connections, when it likes.
KEEPS = replace(QUICK, keepalive=60.0, connection_age=60.0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "support.short_keepalive", str(KEEPALIVE)]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.terminate()


async def test_no_request_is_lost_or_sent_twice_while_the_server_closes_connections(url: str) -> None:
    """With `--deep` 100,000; each caller pauses about as long as the server keeps a connection."""
    total, notes = 100_000 if is_deep() else 3_000, Notes()
    numbers = iter(range(total))
    async with AsyncClient(
        Endpoints.from_mapping({"counting": url}), settings=KEEPS, metrics=notes
    ) as client:

        async def call() -> None:
            for number in numbers:
                answer = await client.send("counting", "POST", "/book", str(number).encode(), deadline=60)
                assert answer.status == 200
                await asyncio.sleep(KEEPALIVE * random.uniform(0.9, 1.15))  # noqa: S311

        await asyncio.gather(*(call() for _ in range(CALLERS)))
        seen = json.loads((await client.send("counting", "GET", "/seen")).body)
    assert len(seen) == total
    assert set(seen.values()) == {1}
    assert notes.connections.total() > 0
    assert notes.retries == 0


class Dying:
    """Answers the first request of each connection; reads the next one, and ends without a word."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split()[0])
            self.bodies.append(await reader.readexactly(length))
            if _ == 0:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()
        writer.close()


async def test_a_request_that_was_read_before_its_connection_ended_is_not_sent_again() -> None:
    dying = Dying()
    listening = await asyncio.start_server(dying.serve, "127.0.0.1", 0)
    endpoints = Endpoints.from_mapping({"dying": f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"})
    async with listening, AsyncClient(endpoints, settings=KEEPS, metrics=Metrics()) as client:
        await client.send("dying", "POST", "/book", b"one")
        with pytest.raises(Unreachable, match="may have got the request, which is not sent twice"):
            await client.send("dying", "POST", "/book", b"two")
        await client.send("dying", "POST", "/book", b"three")
    assert dying.bodies == [b"one", b"two", b"three"]


async def test_a_connection_is_given_up_at_its_age_to_find_the_release_that_serves_now(url: str) -> None:
    notes, settings = Notes(), replace(KEEPS, connection_age=0.000_001)
    async with AsyncClient(
        Endpoints.from_mapping({"counting": url}), settings=settings, metrics=notes
    ) as client:
        for _ in range(3):
            await client.send("counting", "GET", "/seen")
    assert notes.connections == {"unused": 2}
