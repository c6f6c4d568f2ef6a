"""A process beside the agent that kills what the agent could not kill in time.

    agent ──── pipe: watch, forget ────> guardian
      │ killed                             │ kills a container over its memory limit (memory.py)
      x                                    │ reads the end of the pipe
                                           └ kills the processes of all pods, ends

It finds the processes of all pods by their mark, with all their descendants, while their parents still live. The
kernel's own means (PR_SET_PDEATHSIG) would end only the first process of each container, and then the others could
not be found.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import sys
from pathlib import Path

from e2i.local.node.memory import MemoryWatch
from e2i.local.node.sweep import kill_cluster

PATIENCE = 30.0
"""Seconds after which a guardian that does not answer is taken for stuck: it answers within one look at memory."""

log = logging.getLogger(__name__)


class Guardian:
    """Starts, restarts and ends the guardian process, and tells it which containers to watch."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: asyncio.subprocess.Process | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._watched: dict[str, tuple[int, int]] = {}
        self._answers: dict[str, asyncio.Future[int]] = {}

    async def start(self) -> None:
        # A minimal environment, so that it is not mistaken for a process of a pod or for the agent. A new
        # session, so that a Ctrl-C in the agent's terminal does not reach it.
        self._process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "e2i.local.node.guardian", str(self._root)],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )
        if self._process.stdout:
            self._hearing = asyncio.create_task(self._hear(self._process.stdout))
        for id_, (pid, limit) in self._watched.items():
            self._tell(f"watch {id_} {pid} {limit}")

    async def keep(self) -> None:
        """Start a new guardian whenever it ends, for ever."""
        while self._process and self._hearing:
            await self._hearing
            code = await self._process.wait()
            log.warning("the guardian ended (%d); starting another one", code)
            await self.start()

    async def end(self) -> None:
        """Let it kill what is left, and end. One that is stopped cannot: its work is done here."""
        if not (self._process and self._process.stdin):
            return
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            log.warning("the guardian does not end within %g s: it is killed", PATIENCE)
            self._process.kill()
            await self._process.wait()
            await asyncio.to_thread(kill_cluster, self._root)

    def watch(self, id_: str, pid: int, limit: int) -> None:
        """Have the container killed, from its first process `pid` on, when it uses more than `limit` bytes."""
        self._watched[id_] = pid, limit
        self._tell(f"watch {id_} {pid} {limit}")

    async def forget(self, id_: str) -> bool:
        """Have the container watched no more; return whether it was killed for its memory."""
        _, limit = self._watched.pop(id_, (0, 0))
        if not limit or not self._hearing or self._hearing.done():
            return False
        used = await self._ask_how_much(id_)
        if used:
            log.warning(
                "container %s was killed: it used %d MiB, its limit is %d MiB", id_, used >> 20, limit >> 20
            )
        return used > 0

    async def _ask_how_much(self, id_: str) -> int:
        """Return the bytes that the container used when it was killed; 0 if it was not, or nobody knows."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers[id_] = answer
        self._tell(f"forget {id_}")
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            # A stopped one would hold up the end of every container, and no memory limit would hold.
            log.warning(
                "the guardian does not answer within %g s; it is killed, and another one starts", PATIENCE
            )
            if self._process and self._process.returncode is None:
                self._process.kill()
            return 0
        finally:
            self._answers.pop(id_, None)

    def _tell(self, line: str) -> None:
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{line}\n".encode())

    async def _hear(self, answers: asyncio.StreamReader) -> None:
        async for line in answers:
            id_, used = line.decode().split()
            self._answer(id_, int(used))
        for id_ in list(self._answers):
            self._answer(id_, 0)

    def _answer(self, id_: str, used: int) -> None:
        # Nobody waits any more for one that comes too late.
        if (answer := self._answers.pop(id_, None)) and not answer.done():
            answer.set_result(used)


def obey(line: str, watch: MemoryWatch) -> str:
    """Do what the agent's line says; return the answer, "" for none."""
    match line.split():
        case ["watch", id_, pid, limit]:
            watch.add(id_, int(pid), int(limit))
        case ["forget", id_]:
            return f"{id_} {watch.remove(id_)}\n"
    return ""


def main() -> None:
    """Watch the containers until standard input ends, then kill the processes of all pods."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    watch, wait, rest = MemoryWatch(), None, ""
    while True:
        if select.select([0], [], [], wait)[0]:
            data = os.read(0, 1 << 16)
            if not data:
                break
            *lines, rest = (rest + data.decode()).split("\n")
            with contextlib.suppress(BrokenPipeError):  # The agent has ended: so does standard input.
                os.write(1, "".join(obey(line, watch) for line in lines).encode())
        wait = watch.look()
    kill_cluster(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
