"""Forward TCP connections from one address to several: the data path of Services.

    client ── Front ══ Back ── endpoint        each end writes what the other one reads

If one end cannot write, the other end stops to read. An end of input is passed on, so that each direction closes on
its own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import cast

from e2i.local.node.routing import Backend

CONNECT_WITHIN = 3.0
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 seconds: closing sends a reset, as an endpoint that refuses does."""


class End(asyncio.Protocol):
    """One end of a forwarded connection."""

    def __init__(self, other: End | None = None) -> None:
        self.transport: asyncio.Transport | None = None
        self.other = other
        self.finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        self.finished = True
        if self.other and self.other.transport:
            if self.other.finished:
                self.other.transport.close()
                return False
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        other, self.other = self.other, None
        if other and other.transport:
            if error:
                reset(other.transport)
            else:
                other.transport.close()


class Front(End):
    """The client's end: it looks for an endpoint that accepts, and keeps the data that the client sends meanwhile."""

    def __init__(self, choose: Callable[[], Sequence[Backend]]) -> None:
        super().__init__()
        self._choose = choose
        self._connecting: asyncio.Task[None] | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = asyncio.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self.other is None and self.transport:
            # Not paused before: in Python 3.11.2 a transport reads even if it is paused when it is made.
            self._early += data
            self.transport.pause_reading()
        else:
            super().data_received(data)

    async def _connect(self) -> None:
        assert self.transport  # noqa: S101  connection_made has set it
        back = await connect(self._choose(), self)
        if self.transport.is_closing():
            if back and back.transport:
                back.transport.close()
        elif back is None:
            reset(self.transport)
        else:
            self._join(back)
            self.transport.resume_reading()

    def _join(self, back: End) -> None:
        """Connect both ends: pass on the data that the client has sent so far, and its end of input."""
        self.other = back
        if back.transport:
            back.transport.write(self._early)
            if self.finished:
                back.transport.write_eof()
        self._early = b""

    def connection_lost(self, error: Exception | None) -> None:
        if self._connecting:
            self._connecting.cancel()
        super().connection_lost(error)


async def connect(backends: Sequence[Backend], front: Front) -> End | None:
    """Connect to the first backend that accepts and return that end; None if none accepts."""
    loop = asyncio.get_running_loop()
    for host, port in backends:
        # Small parts go on at once only where asyncio sees the protocol: it turns off Nagle's algorithm by that.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, socket.IPPROTO_TCP)
        try:
            # On one machine a connection is accepted or refused at once; it only waits if the queue is full.
            code = sock.connect_ex((host, port))
            if code == errno.EINPROGRESS:
                async with asyncio.timeout(CONNECT_WITHIN):
                    await loop.sock_connect(sock, (host, port))
            elif code:
                raise OSError(code, os.strerror(code))
            _, back = await loop.create_connection(lambda: End(front), sock=sock)
        except (OSError, TimeoutError):
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return back
    return None


def reset(transport: asyncio.Transport) -> None:
    """Close with a reset, so that the peer sees a failure and not a short answer."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()


class Listener:
    """One address and port that leads to `backends`, in turn."""

    def __init__(self) -> None:
        self.backends: tuple[Backend, ...] = ()
        self._turn = 0
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> None:
        """Start to accept connections; OSError if the address cannot be used."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Front(self.choose), host, port, backlog=1024)

    def choose(self) -> tuple[Backend, ...]:
        """Return the backends in the order in which to try them; each connection starts with the next one."""
        if not self.backends:
            return ()
        self._turn = (self._turn + 1) % len(self.backends)
        return self.backends[self._turn :] + self.backends[: self._turn]

    def close(self) -> None:
        """Accept no new connections; existing ones go on."""
        if self._server:
            self._server.close()
