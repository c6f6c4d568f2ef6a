"""The sockets of one connection to an API server, so that its end is theirs too."""

from __future__ import annotations

import socket
from weakref import WeakSet

from aiohttp.connector import AddrInfoType

from e2i.socket_closing import cut_off


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
        await cut_off(lambda: [each for each in self._made if each.fileno() >= 0])
