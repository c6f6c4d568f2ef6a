"""Forward TCP connections from ports of this machine to addresses that are looked up for each connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

Address = tuple[str, int]
Find = Callable[[], Awaitable[Address]]
"""Returns where a connection goes now; OSError if nothing is there."""

PIECE = 64 * 1024
"""Bytes that are read at once."""

logger = logging.getLogger("e2i.stack")


async def forward(ports: dict[int, Find]) -> None:
    """Forward until cancelled; OSError if a port is in use."""
    async with AsyncExitStack() as stack:
        for port, find in ports.items():
            server = await asyncio.start_server(_Forwarder(port, find).accept, "127.0.0.1", port)
            await stack.enter_async_context(server)
        await asyncio.Event().wait()


class _Forwarder:
    """Connections of one port."""

    def __init__(self, port: int, find: Find) -> None:
        self._port = port
        self._find = find

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy in both directions until both have ended. Without a target the connection is closed."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(_close, writer)
            try:
                there, back = await asyncio.open_connection(*await self._find())
            except OSError as error:
                logger.warning("port %d: %s; the connection is closed", self._port, error)
                return
            stack.push_async_callback(_close, back)
            async with asyncio.TaskGroup() as copies:
                copies.create_task(_copy(reader, back))
                copies.create_task(_copy(there, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends, then end the target's direction; a broken connection ends it too."""
    with contextlib.suppress(OSError):
        while piece := await source.read(PIECE):
            target.write(piece)
            await target.drain()
        target.write_eof()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
