"""Serve `kubectl exec` and `kubectl cp`: run a command in a container, with its streams in one WebSocket.

The first byte of each message names the channel. Version 5 of the protocol can also close standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from e2i.kube import Object
from e2i.local.node import sweep
from e2i.local.node.launch import Launch
from e2i.local.node.processes import StartError, find_program
from e2i.local.node.terminal import Terminal

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
PIECE = 32 * 1024
DRAIN_WITHIN = 1.0
"""Seconds to wait for output after the command has ended: a process that it started may keep the pipe open."""


@dataclass(frozen=True)
class ExecRequest:
    """The command of a request, and its streams."""

    command: list[str]
    stdin: bool
    tty: bool


def parse_exec_request(request: web.Request) -> ExecRequest:
    """Return the command and streams of the request; HTTPBadRequest if it names no command."""
    query = request.query
    command = query.getall("command", [])
    if not command:
        raise web.HTTPBadRequest(text="name the command to run: kubectl exec POD -- COMMAND\n")
    return ExecRequest(command, query.get("input") == "1", query.get("tty") == "1")


class RemoteCommand:
    """One command that runs for one WebSocket."""

    def __init__(self, socket: web.WebSocketResponse, exec_request: ExecRequest, launch: Launch) -> None:
        self._socket = socket
        self._request = exec_request
        self._launch = launch

    async def run(self) -> None:
        """Run the command to its end and report the exit code; kill it if kubectl goes away."""
        try:
            program = find_program(self._request.command[0], self._launch.env, self._launch.folder)
            process, terminal = await self._start([program, *self._request.command[1:]])
        except (StartError, OSError) as error:
            await self._end(failure(f"{error}", "InternalError"))
            return
        listening = asyncio.create_task(self._listen(process, terminal))
        running = asyncio.create_task(self._copy_output(process, terminal))
        try:
            await asyncio.wait([listening, running], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await self._end(ended(running.result()))
        finally:
            for task in (listening, running):
                task.cancel()
            await asyncio.gather(listening, running, return_exceptions=True)
            if process.returncode is None:
                sweep.kill(sweep.process_tree({process.pid}, sweep.processes()))
                await process.wait()
            if terminal:
                terminal.close()

    async def _start(self, argv: list[str]) -> tuple[asyncio.subprocess.Process, Terminal | None]:
        terminal = await Terminal.open() if self._request.tty else None
        pipe = None if terminal else asyncio.subprocess.PIPE
        stdin = (
            asyncio.subprocess.PIPE if self._request.stdin and not terminal else asyncio.subprocess.DEVNULL
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *(terminal.command(argv) if terminal else argv),
                stdin=stdin,
                stdout=pipe or asyncio.subprocess.DEVNULL,
                stderr=pipe or asyncio.subprocess.DEVNULL,
                env={"TERM": "xterm", **self._launch.env} if terminal else dict(self._launch.env),
                cwd=self._launch.folder,
                start_new_session=True,
            )
        except BaseException:
            if terminal:
                terminal.close()
            raise
        return process, terminal

    async def _listen(self, process: asyncio.subprocess.Process, terminal: Terminal | None) -> None:
        """Pass input and resizes from kubectl to the command; return when kubectl closes the connection."""
        stdin = terminal.writer if terminal else process.stdin
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or not message.data:
                continue
            channel, content = message.data[0], message.data[1:]
            with contextlib.suppress(ConnectionError, RuntimeError):
                if channel == STDIN and stdin:
                    stdin.write(content)
                    await stdin.drain()
                elif channel == CLOSE and content[:1] == bytes([STDIN]) and stdin:
                    stdin.close()
                elif channel == RESIZE and terminal:
                    terminal.resize(content)

    async def _copy_output(self, process: asyncio.subprocess.Process, terminal: Terminal | None) -> int:
        """Send the command's output to kubectl; return its exit code."""
        sources = (
            [(STDOUT, terminal.reader)] if terminal else [(STDOUT, process.stdout), (STDERR, process.stderr)]
        )
        copies = [asyncio.create_task(self._copy(channel, source)) for channel, source in sources if source]
        try:
            code = await process.wait()
            if terminal:
                terminal.hang_up()
            await asyncio.wait(copies, timeout=DRAIN_WITHIN)
        finally:
            for copy in copies:
                copy.cancel()
            await asyncio.gather(*copies, return_exceptions=True)
        return code

    async def _copy(self, channel: int, source: asyncio.StreamReader) -> None:
        # A terminal ends with an error (EIO) when its last program has closed it.
        with contextlib.suppress(OSError):
            while piece := await source.read(PIECE):
                await self._socket.send_bytes(bytes([channel]) + piece)

    async def _end(self, status: Object) -> None:
        with contextlib.suppress(ConnectionError):
            await self._socket.send_bytes(bytes([ERROR]) + json.dumps(status).encode())
            await self._socket.close()


def ended(code: int) -> Object:
    """Return the Status that tells kubectl how the command ended."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    # A shell reports a signal as 128 + its number, and so does a container runtime.
    shown = code if code > 0 else 128 - code
    status = failure(f"command terminated with exit code {shown}", "NonZeroExitCode")
    return status | {"details": {"causes": [{"reason": "ExitCode", "message": str(shown)}]}}


def failure(message: str, reason: str) -> Object:
    """Return a Status that kubectl shows as an error."""
    return {"metadata": {}, "status": "Failure", "message": message, "reason": reason}


async def execute(request: web.Request, launch: Launch) -> web.StreamResponse:
    """Serve a request of the API server: run a command with the environment and folder of `launch`."""
    exec_request = parse_exec_request(request)
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0)
    await socket.prepare(request)
    if socket.ws_protocol not in PROTOCOLS:
        await socket.close(message=b"the local node speaks v5.channel.k8s.io and v4.channel.k8s.io only")
        return socket
    await RemoteCommand(socket, exec_request, launch).run()
    return socket
