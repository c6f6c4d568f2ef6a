"""The processes of one container: the first one and all that it starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from e2i.local.node import sweep
from e2i.local.node.launch import Launch

Output = Callable[[str, bytes], None]
"""Takes the stream's name (stdout, stderr) and the data."""
AFTER_KILL = 2.0


class StartError(Exception):
    """The program cannot be started: it or its folder is missing or not allowed."""


def find_program(name: str, env: Mapping[str, str], folder: str) -> str:
    """Return the program's absolute path; StartError if it cannot be found or run."""
    if not Path(folder).is_dir():
        raise StartError(f"working folder {folder} does not exist; set workingDir to one that does")
    if "/" in name:
        path = str(Path(folder, name))
        if not Path(path).exists():
            raise StartError(f"exec: {name!r}: no such file in {folder}")
        if not os.access(path, os.X_OK) or Path(path).is_dir():
            raise StartError(f"exec: {name!r}: permission denied; make it executable")
        return path
    found = shutil.which(name, path=env.get("PATH", ""))
    if not found:
        raise StartError(f"exec: {name!r}: executable file not found in PATH {env.get('PATH', '')}")
    return found


class _Protocol(asyncio.SubprocessProtocol):
    def __init__(self, output: Output) -> None:
        loop = asyncio.get_running_loop()
        self.output = output
        self.exited: asyncio.Future[None] = loop.create_future()
        self.drained: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output("stdout" if fd == 1 else "stderr", data)

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.drained.done():
            self.drained.set_result(None)


class Processes:
    """A started container: all processes that carry its mark."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol, mark: str) -> None:
        self._transport = transport
        self._protocol = protocol
        self._mark = mark
        self.pid = transport.get_pid()

    @classmethod
    async def start(cls, launch: Launch, mark: str, output: Output) -> Processes:
        """Start the first process; StartError if the program cannot be started."""
        program = find_program(launch.argv[0], launch.env, launch.folder)
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: _Protocol(output),
                *[program, *launch.argv[1:]],
                stdin=asyncio.subprocess.DEVNULL,
                env=dict(launch.env),
                cwd=launch.folder,
                start_new_session=True,
            )
        except OSError as error:
            # For example a script whose first line names an interpreter that does not exist.
            raise StartError(f"exec: {program}: {error}") from error
        # When the machine has no memory left, the kernel ends these first, not etcd or the user's browser.
        with contextlib.suppress(OSError):
            Path(f"/proc/{transport.get_pid()}/oom_score_adj").write_text("1000")
        return cls(transport, protocol, mark)

    async def wait(self) -> int:
        """Return the first process's exit code (minus the signal's number) once all its processes are gone.

        The others are killed as soon as the first has ended, as in a real container.
        """
        await asyncio.shield(self._protocol.exited)
        code = self._transport.get_returncode()
        await self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AFTER_KILL):
                await asyncio.shield(self._protocol.drained)
        self._transport.close()
        return 0 if code is None else code

    @property
    def alive(self) -> bool:
        return not self._protocol.exited.done()

    def terminate(self) -> None:
        """Send SIGTERM to the first process."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    async def kill(self) -> None:
        """Kill every process of the container, also those that start meanwhile.

        After `AFTER_KILL` seconds only processes that were killed and are stuck in the kernel are left.
        """
        loop = asyncio.get_running_loop()
        deadline, killed = loop.time() + AFTER_KILL, set[int]()
        while alive := await asyncio.to_thread(self.members):
            # One look at /proc may take longer than the deadline on a busy machine, so kill first.
            if alive <= killed and loop.time() > deadline:
                return
            sweep.kill(alive)
            killed |= alive
            await asyncio.sleep(0.01)

    def members(self) -> set[int]:
        """Return the processes of this container that live."""
        everyone = sweep.processes()
        found = sweep.marked(sweep.CONTAINER_MARK, self._mark, everyone)
        if not self.alive and self.pid in everyone:
            # The id belongs to another process by now, so no process of our session is left.
            return found
        # The session's members too: a program may have overwritten its environment after its parent ended.
        return found | sweep.process_tree({self.pid}, everyone)


async def run_briefly(launch: Launch, argv: list[str]) -> tuple[int, str]:
    """Run the command of a probe or hook; return its exit code and the end of its output.

    The command is killed if the caller is cancelled or times out.
    """
    program = find_program(argv[0], launch.env, launch.folder)
    process = await asyncio.create_subprocess_exec(
        *[program, *argv[1:]],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(launch.env),
        cwd=launch.folder,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            sweep.kill(sweep.process_tree({process.pid}, sweep.processes()))
            await process.wait()
    return process.returncode or 0, output[-1024:].decode(errors="replace").strip()
