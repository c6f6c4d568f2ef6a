"""A process that waits until the agent has ended, and then kills all processes of its pods.

    agent ──── pipe ────> guardian
      │ killed              │ reads the end of the pipe
      x                     └ kills the processes of all pods, ends

It finds them by their mark, with all their descendants, while their parents still live. The kernel's own means
(PR_SET_PDEATHSIG) would end only the first process of each container, and then the others could not be found.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from e2i.local.node.sweep import kill_cluster

log = logging.getLogger(__name__)


class Guardian:
    """Starts, restarts and ends the guardian process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        # A minimal environment, so that it is not mistaken for a process of a pod or for the agent. A new
        # session, so that a Ctrl-C in the agent's terminal does not reach it.
        self._process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "e2i.local.node.guardian", str(self._root)],
            stdin=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )

    async def keep(self) -> None:
        """Start a new guardian whenever it ends, for ever."""
        while self._process:
            code = await self._process.wait()
            log.warning("the guardian ended (%d); starting another one", code)
            await self.start()

    async def end(self) -> None:
        """Let it kill what is left, and end."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await self._process.wait()


def main() -> None:
    """Wait for the end of standard input, then kill the processes of all pods."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    kill_cluster(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
