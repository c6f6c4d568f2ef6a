"""The sockets of one connection, so that its end is theirs too.

The client's own close knows those that are in use or kept. One that it has let go, as it does when a watch is
cancelled, waits on for its peer's farewell, and one that was still being opened ends a turn of the loop later.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from weakref import WeakSet

from aiohttp.connector import AddrInfoType

PATIENCE = 2.0
TURN = 0.002


class Sockets:
    """Makes sockets, and knows those that are open."""

    def __init__(self) -> None:
        self._made: WeakSet[socket.socket] = WeakSet()

    def make(self, address: AddrInfoType) -> socket.socket:
        """Return a new socket for this kind of address."""
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        self._made.add(made)
        return made

    async def end(self) -> None:
        """Cut off what is open, and return when it is closed; after two seconds in any case."""
        for each in self._open():
            # It may not be connected yet.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + PATIENCE
        while self._open() and time.monotonic() < deadline:  # noqa: ASYNC110 - a socket tells nobody of its end
            await asyncio.sleep(TURN)

    def _open(self) -> list[socket.socket]:
        return [each for each in self._made if each.fileno() >= 0]
