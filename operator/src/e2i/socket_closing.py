"""Closes what aiohttp leaves open of a client's sockets.

Its own close knows the sockets that are in use or kept. One that it has let go, as it does when a request over TLS is
cancelled, waits on for its peer's farewell, and one that was still being opened ends a turn of the loop later.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence

PATIENCE = 2.0
"""Seconds."""
TURN = 0.002
"""Seconds."""


async def cut_off(find_open: Callable[[], Sequence[socket.socket]]) -> None:
    """Cut off the sockets that are open, and return when none is left; after two seconds in any case."""
    for each in find_open():
        # It may not be connected yet.
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    deadline = time.monotonic() + PATIENCE
    while find_open() and time.monotonic() < deadline:  # noqa: ASYNC110 - a socket tells nobody of its end
        await asyncio.sleep(TURN)
