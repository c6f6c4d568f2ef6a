"""Ports that are forwarded, on real sockets of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from e2i.polling import poll
from e2i.stack.forwarding import Address, Find, forward


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def answer_with_its_length(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the caller ends its direction, then answer: only a half-closed connection gets so far."""
    writer.write(str(len(await reader.read(-1))).encode())
    writer.close()


@asynccontextmanager
async def forwarded(find: Find) -> AsyncIterator[int]:
    port = free_port()
    running = asyncio.create_task(forward({port: find}))
    is_open = asyncio.get_running_loop().run_in_executor(
        None, lambda: poll(lambda: can_connect(port), within=60, every=0.01)
    )
    assert await is_open
    try:
        yield port
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def can_connect(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def ask(port: int, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(body)
    writer.write_eof()
    answer = await reader.read(-1)
    writer.close()
    return answer


async def test_both_directions_are_copied_to_their_ends() -> None:
    server = await asyncio.start_server(answer_with_its_length, "127.0.0.1", 0)
    target: Address = server.sockets[0].getsockname()

    async def find() -> Address:
        return target

    async with server, forwarded(find) as port:
        assert await ask(port, b"x" * 3_000_000) == b"3000000"


async def test_a_connection_without_a_target_is_closed_and_the_next_one_is_tried_anew() -> None:
    server = await asyncio.start_server(answer_with_its_length, "127.0.0.1", 0)
    targets: list[Address] = []

    async def find() -> Address:
        if not targets:
            raise OSError("there is no such Service yet")
        return targets[0]

    async with server, forwarded(find) as port:
        # Bytes that arrive after the end are answered with a reset by the kernel.
        with contextlib.suppress(ConnectionResetError):
            assert await ask(port, b"early") == b""
        targets.append(server.sockets[0].getsockname())
        assert await ask(port, b"later") == b"5"


async def test_a_port_in_use_is_an_error() -> None:
    async def find() -> Address:
        raise AssertionError("nobody connects")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        with pytest.raises(OSError, match="in use"):
            await forward({taken.getsockname()[1]: find})
