"""A process that does nothing until the agent is gone, and then kills what the agent has left.

    agent ──── pipe ────> guardian
      │ killed              │ reads the end of the pipe
      x                     └ kills the processes of all pods, ends

It finds them by their mark, together with all their descendants, while their parents still live; the kernel's own
means (PR_SET_PDEATHSIG) would end the first process of each container only, and then nobody knows the others.
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
    """The guardian as the agent sees it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        # Hardly an environment, so that nobody takes it for a process of a pod or for the agent itself; a
        # session of its own, because a Ctrl-C in the agent's terminal is not meant for it.
        self._process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "e2i.local.node.guardian", str(self._root)],
            stdin=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )

    async def keep(self) -> None:
        """Replace it whenever it ends, for ever."""
        while self._process:
            code = await self._process.wait()
            log.warning("the guardian ended (%d); starting another one", code)
            await self.start()

    async def end(self) -> None:
        """Let it sweep a last time and end."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await self._process.wait()


def main() -> None:
    """Wait for the end of standard input, then sweep."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    kill_cluster(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
