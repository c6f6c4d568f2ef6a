"""A kept connection that the server closes costs no request, and no request is sent twice that may not be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from support.client_lab import QUICK, Notes
from support.deep import is_deep

from e2i.client import AsyncClient, Endpoints, Metrics, Settings, Unreachable

TESTS = Path(__file__).resolve().parents[2]
KEEPALIVE = 0.02
CALLERS = 64
# So that only the server closes connections, when it likes.
KEEPS = replace(QUICK, keepalive=60.0, connection_age=60.0)


@contextmanager
def server(keepalive: float) -> Iterator[Endpoints]:
    command = [sys.executable, "-m", "support.short_keepalive", str(keepalive)]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Endpoints.from_mapping({"counting": f"http://127.0.0.1:{int(process.stdout.readline())}"})
        process.terminate()


@dataclass
class Traffic:
    """What became of many requests whose callers pause about as long as the server keeps a connection."""

    total: int
    answered: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    seen: dict[str, int] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)

    async def run(self, endpoints: Endpoints, settings: Settings, route: str, pause: float) -> None:
        numbers = map(str, range(self.total))
        async with AsyncClient(endpoints, settings=settings, metrics=self.notes) as client:

            async def call() -> None:
                for number in numbers:
                    try:
                        await client.send("counting", "POST", route, number.encode(), deadline=60)
                    except Unreachable:
                        self.failed.add(number)
                    else:
                        self.answered.add(number)
                    await asyncio.sleep(pause * random.uniform(0.9, 1.15))  # noqa: S311

            await asyncio.gather(*(call() for _ in range(CALLERS)))
            self.seen = json.loads((await client.send("counting", "GET", "/seen")).body)


async def test_no_prediction_is_lost_while_the_server_closes_connections() -> None:
    """With `--deep` 100,000."""
    traffic = Traffic(100_000 if is_deep() else 1_000)
    with server(KEEPALIVE) as endpoints:
        await traffic.run(endpoints, KEEPS, "predict", KEEPALIVE)
    assert len(traffic.answered) == len(traffic.seen) == traffic.total
    assert traffic.notes.connections.total() > 0


async def test_what_may_not_be_repeated_is_sent_once_while_the_server_closes_connections() -> None:
    """With `--deep` 100,000. What failed was not answered, and it says that the server may have got it."""
    traffic = Traffic(100_000 if is_deep() else 1_000)
    with server(KEEPALIVE) as endpoints:
        await traffic.run(endpoints, KEEPS, "book", KEEPALIVE)
    assert set(traffic.seen.values()) == {1}
    assert traffic.answered <= traffic.seen.keys()
    assert traffic.notes.connections["lost"] > len(traffic.failed)


async def test_a_client_that_gives_up_connections_before_the_server_does_loses_nothing() -> None:
    """As the defaults are: 2 s, where BentoML takes 5. None is sent twice, and none fails."""
    traffic = Traffic(20_000 if is_deep() else 500)
    with server(0.5) as endpoints:
        await traffic.run(endpoints, replace(KEEPS, keepalive=0.1), "book", 0.1)
    assert len(traffic.answered) == traffic.total
    assert set(traffic.seen.values()) == {1}
    assert traffic.notes.retries == 0


class Dying:
    """Answers the first request of each connection; reads the next one, and ends without a word."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The client closes the last connection, which has had no second request.
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
            for number in range(2):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split()[0])
                self.bodies.append(await reader.readexactly(length))
                if number == 0:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    await writer.drain()


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


async def test_a_connection_is_given_up_at_its_age_to_find_the_release_that_serves_now() -> None:
    notes, settings = Notes(), replace(KEEPS, connection_age=0.000_001)
    with server(60.0) as endpoints:
        async with AsyncClient(endpoints, settings=settings, metrics=notes) as client:
            for _ in range(3):
                await client.send("counting", "GET", "/seen")
    assert notes.connections == {"unused": 2}
