"""Serve `kubectl port-forward`: connections to a pod's ports as SPDY streams in one WebSocket.

    kubectl ══ WebSocket ══ API server ══ WebSocket ══ here ── TCP ── the pod's address

For each connection kubectl opens two streams with the same request id: `data`, and `error` for one sentence about
why it failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from e2i.local.node import spdy

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
PIECE = 32 * 1024


@dataclass
class Connection:
    """One connection through the tunnel."""

    port: int
    streams: dict[str, int] = field(default_factory=dict)
    """`data` and `error` to the numbers of their streams."""
    writer: asyncio.StreamWriter | None = None
    task: asyncio.Task[None] | None = None
    early: list[spdy.Data] = field(default_factory=list)
    """Data that kubectl sent before the pod accepted the connection."""


class PortForward:
    """All connections of one `kubectl port-forward` to one pod."""

    def __init__(self, socket: web.WebSocketResponse, address: str) -> None:
        self._socket = socket
        self._address = address
        self._encoder = spdy.Encoder()
        self._requests: dict[str, Connection] = {}
        self._streams: dict[int, Connection] = {}

    async def run(self) -> None:
        """Serve the tunnel until kubectl closes it, then close all connections."""
        decoder = spdy.Decoder()
        try:
            async for message in self._socket:
                if message.type is WSMsgType.BINARY:
                    for frame in decoder.feed(message.data):
                        await self._take(frame)
        finally:
            tasks = [each.task for each in self._requests.values() if each.task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, frame: spdy.Frame) -> None:
        match frame:
            case spdy.Opened():
                await self._open(frame)
            case spdy.Data():
                await self._pass_on(frame)
            case spdy.Reset(stream=stream):
                connection = self._streams.pop(stream, None)
                if connection and connection.task and connection.streams.get("data") == stream:
                    connection.task.cancel()
            case spdy.Ping(id=id_):
                await self._socket.send_bytes(self._encoder.ping(id_))

    async def _open(self, frame: spdy.Opened) -> None:
        headers = frame.headers
        try:
            id_, kind, port = headers["requestid"], headers["streamtype"], int(headers["port"])
        except (KeyError, ValueError) as error:
            raise spdy.ProtocolError(f"a stream has no usable header {error}") from error
        connection = self._requests.setdefault(id_, Connection(port))
        connection.streams[kind] = frame.stream
        self._streams[frame.stream] = connection
        await self._socket.send_bytes(self._encoder.reply(frame.stream))
        if {"data", "error"} <= connection.streams.keys():
            connection.task = asyncio.create_task(self._connect(id_, connection))

    async def _pass_on(self, frame: spdy.Data) -> None:
        connection = self._streams.get(frame.stream)
        if connection is None or connection.streams.get("data") != frame.stream:
            return
        if connection.writer is None:
            connection.early.append(frame)
            return
        await _write(connection.writer, frame)

    async def _connect(self, id_: str, connection: Connection) -> None:
        """Connect to the pod and forward its answers; at the end close both streams."""
        data, error = connection.streams["data"], connection.streams["error"]
        failure = ""
        try:
            reader, writer = await asyncio.open_connection(self._address, connection.port)
        except OSError as problem:
            failure = (
                f"nobody accepts connections on port {connection.port} of the pod ({os.strerror(problem.errno or 0)}); "
                "look at its containers with `kubectl get pod` and `kubectl logs`"
            )
        else:
            with contextlib.closing(writer):
                connection.writer = writer
                for frame in connection.early:
                    await _write(writer, frame)
                with contextlib.suppress(ConnectionError):
                    while piece := await reader.read(PIECE):
                        await self._socket.send_bytes(self._encoder.data(data, piece))
        self._requests.pop(id_, None)
        with contextlib.suppress(ConnectionError):
            await self._socket.send_bytes(self._encoder.data(error, failure.encode(), is_last=True))
            await self._socket.send_bytes(self._encoder.data(data, b"", is_last=True))
        self._streams.pop(data, None)
        self._streams.pop(error, None)


async def _write(writer: asyncio.StreamWriter, frame: spdy.Data) -> None:
    """Send to the pod; if the pod has closed the connection, its reader ends and tells kubectl."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        writer.write(frame.payload)
        if frame.is_last:
            writer.write_eof()
        await writer.drain()


async def forward(request: web.Request, address: str) -> web.StreamResponse:
    """Serve a request of the API server with a tunnel to the pod at `address`."""
    socket = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=0)
    await socket.prepare(request)
    if socket.ws_protocol != PROTOCOL:
        await socket.close(message=b"the local node speaks SPDY/3.1+portforward.k8s.io only")
        return socket
    try:
        await PortForward(socket, address).run()
    except spdy.ProtocolError as error:
        await socket.close(message=str(error).encode()[:120])
    return socket
