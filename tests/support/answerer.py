"""A small HTTP server for pods of tests; it ends in good order on SIGTERM.

GET /name answers the pod's name, /slow the same after 0.5 s. Every other path answers 200 unless a file of that
name lies in the mounted folder /state: then 503.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

STATE = Path(os.environ["E2I_MOUNTS"], "state")


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        path = head.split()[1].decode().strip("/")
        if path == "slow":
            await asyncio.sleep(0.5)
        body = os.environ["HOSTNAME"].encode()
        status = b"503 Unwell" if path and (STATE / path).exists() else b"200 OK"
        length = str(len(body)).encode()
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\n\r\n" + body)
        await writer.drain()


async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await answer(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.start_server(connected, os.environ["E2I_POD_ADDRESS"], 8000)
    print("listening", flush=True)  # noqa: T201
    await stopped.wait()
    # What has come in is still answered; nothing new arrives, because the node sends nothing any more.
    await asyncio.sleep(1)
    server.close()


asyncio.run(main())
