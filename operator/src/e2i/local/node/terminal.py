"""A pseudo-terminal for `kubectl exec -t`."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import struct
import termios

IN_TERMINAL = 'exec "$@" <>"$0" >&0 2>&0'
"""Opens the terminal first in a new session: so it becomes the controlling terminal, for Ctrl-C and `tty`."""


class Terminal:
    """A pseudo-terminal; the command uses one side, `reader` and `writer` the other."""

    def __init__(
        self, fd: int, inner: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._fd = fd
        self._inner = inner
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls) -> Terminal:
        """Open a new terminal; OSError if the machine has no free one."""
        outer, inner = os.openpty()
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(os.dup(outer), "rb", 0))
        transport, flow = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(os.dup(outer), "wb", 0)
        )
        return cls(outer, inner, reader, asyncio.StreamWriter(transport, flow, None, loop))

    def command(self, argv: list[str]) -> list[str]:
        """Return the command that runs `argv` in this terminal."""
        return ["/bin/sh", "-c", IN_TERMINAL, os.ttyname(self._inner), *argv]

    def resize(self, message: bytes) -> None:
        """Set the terminal's size from kubectl's message; ignore an invalid message."""
        with contextlib.suppress(ValueError, KeyError, TypeError, struct.error):
            size = json.loads(message)
            fcntl.ioctl(
                self._fd,
                termios.TIOCSWINSZ,
                struct.pack("HHHH", int(size["Height"]), int(size["Width"]), 0, 0),
            )

    def hang_up(self) -> None:
        """Close our copy of the command's side, so that the output ends with the last program."""
        if self._inner >= 0:
            os.close(self._inner)
            self._inner = -1

    def close(self) -> None:
        """Close the terminal; programs that still use it get SIGHUP."""
        self.hang_up()
        self.writer.close()
        os.close(self._fd)
