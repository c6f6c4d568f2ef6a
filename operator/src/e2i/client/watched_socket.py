"""Sockets that tell whether the other side may have got a request.

A server closes a connection that nobody uses. If a request is sent at that very moment, its sender sees the connection
end without an answer, and that looks like a server that died in the middle of the work. Linux tells them apart: it
counts the bytes that the other side acknowledged. A server that closed first acknowledges nothing of the request. One
that read it acknowledges all of it, at the latest with the packet that ends the connection.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from e2i.socket_closing import cut_off

AddressInfo = tuple[Any, ...]

_BYTES_ACKED = 120
"""Where tcp_info has tcpi_bytes_acked (Linux 4.1 and newer)."""
_LENGTH = 128
_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)


class WatchedSocket(socket.socket):
    """A socket that remembers when it was made, how often it was used, and at its end what was acknowledged."""

    born: float
    uses: int = 0
    last_acknowledged: int | None = None
    forget: Callable[[int], object]

    def acknowledged(self) -> int | None:
        """Return how many bytes the other side has acknowledged; None where the system does not say."""
        if self.fileno() < 0:
            return self.last_acknowledged
        if _TCP_INFO is None:
            return None
        try:
            info = self.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LENGTH)
        except OSError:
            return None
        return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]) if len(info) >= _LENGTH else None

    def has_news(self) -> bool:
        """Return whether something came that nobody asked for: the end of the connection."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Remember what was acknowledged, and close."""
        if self.fileno() >= 0:
            self.last_acknowledged = self.acknowledged()
            self.forget(self.fileno())
        super().close()


class Sockets:
    """All open sockets of a client, by their numbers: the HTTP library hands out no more than a number."""

    def __init__(self) -> None:
        self._by_number: dict[int, WatchedSocket] = {}

    def make(self, address: AddressInfo) -> socket.socket:
        """Return a new socket for this address, as `getaddrinfo` returns it."""
        family, kind, protocol = address[:3]
        made = WatchedSocket(family, kind, protocol)
        made.born = time.monotonic()
        made.forget = self._forget
        self._by_number[made.fileno()] = made
        return made

    def find(self, number: int) -> WatchedSocket | None:
        """Return the open socket with this number."""
        return self._by_number.get(number)

    async def end(self) -> None:
        """Cut off what is open, and return when it is closed; after two seconds in any case."""
        await cut_off(lambda: list(self._by_number.values()))

    def _forget(self, number: int) -> None:
        self._by_number.pop(number, None)
