"""The data path between real sockets; no cluster."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from e2i.local.node import forwarding
from e2i.local.node.forwarding import End, Front, Listener
from e2i.local.node.routing import Backend

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MEBIBYTE = 1024 * 1024


@asynccontextmanager
async def endpoint(handler: Handler) -> AsyncIterator[int]:
    """A server with that handler; yields its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def front(*ports: int) -> AsyncIterator[int]:
    """A Service's port that leads to these; yields its number."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    listener = Listener()
    listener.backends = tuple(("127.0.0.1", each) for each in ports)
    await listener.open("127.0.0.1", port)
    try:
        yield port
    finally:
        listener.close()


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def echo_after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"got " + await reader.read())
    writer.write_eof()
    await writer.drain()
    writer.close()


def saying(name: bytes) -> Handler:
    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name)
        await writer.drain()
        writer.close()

    return say


async def conversation(port: int, sent: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


async def test_a_small_part_of_a_request_is_passed_on_at_once() -> None:
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with endpoint(listen) as back:
        end = await forwarding.connect([("127.0.0.1", back)], Front(list))
        assert end
        assert end.transport
        inner = end.transport.get_extra_info("socket")
        assert inner.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        end.transport.abort()
        await ended.wait()


async def test_the_end_of_a_request_is_passed_on_while_the_answer_still_comes() -> None:
    async with endpoint(echo_after_the_end) as back, front(back) as port:
        assert await conversation(port, b"all of it") == b"got all of it"


async def test_what_a_client_sends_before_the_endpoint_is_found_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_at_once, receive = forwarding.connect, Front.data_received
    arrived = asyncio.Event()

    def receive_and_tell(client: Front, data: bytes) -> None:
        receive(client, data)
        arrived.set()

    async def find_late(backends: Sequence[Backend], client: Front) -> End | None:
        await asyncio.wait_for(arrived.wait(), timeout=60)
        return await find_at_once(backends, client)

    monkeypatch.setattr(Front, "data_received", receive_and_tell)
    monkeypatch.setattr(forwarding, "connect", find_late)
    async with endpoint(echo_after_the_end) as port, front(port) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service)
        writer.write(b"early")
        writer.write_eof()
        assert await reader.read() == b"got early"
        writer.close()


async def test_endpoints_take_turns() -> None:
    async with endpoint(saying(b"a")) as a, endpoint(saying(b"b")) as b, front(a, b) as port:
        assert sorted([await conversation(port) for _ in range(6)]) == [b"a"] * 3 + [b"b"] * 3


async def test_an_endpoint_that_refuses_is_passed_over() -> None:
    async with endpoint(saying(b"a")) as a, front(unused_port(), a) as port:
        assert [await conversation(port) for _ in range(4)] == [b"a"] * 4


async def test_when_every_endpoint_refuses_the_client_is_reset() -> None:
    async with front(unused_port()) as port:
        with pytest.raises(ConnectionResetError):
            await conversation(port)


async def test_a_slow_reader_slows_the_sender_down() -> None:
    sent = 0

    async def send_much(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while sent < 64 * MEBIBYTE:
            writer.write(bytes(MEBIBYTE))
            await writer.drain()
            sent += MEBIBYTE
        writer.close()

    async with endpoint(send_much) as back, front(back) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65536)
        await reader.read(1)
        settled = -1
        while settled != sent:
            settled = sent
            await asyncio.sleep(0.1)
        assert sent < 32 * MEBIBYTE
        received = 1
        while piece := await reader.read(MEBIBYTE):
            received += len(piece)
        assert received == 64 * MEBIBYTE
        writer.close()


async def test_a_client_that_vanishes_ends_the_connection_to_the_endpoint() -> None:
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        ended.set_result(None)

    async with endpoint(wait_for_end) as back, front(back) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        await writer.drain()
        writer.transport.abort()
        await asyncio.wait_for(ended, 60)
