"""A process that does nothing until the agent is gone, and then kills what the agent has left.

    agent ──── pipe ────> guardian
      │ killed              │ reads the end of the pipe
      x                     └ kills the processes of all pods, ends

The kernel kills the first process of each container with the agent (setpriv --pdeathsig); this catches the
processes that those have started themselves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from e2i.local.node.sweep import kill_cluster


def start(root: Path) -> subprocess.Popen[bytes]:
    """Start the guardian of the cluster at `root`; it ends by itself soon after this process."""
    # No environment, so that nobody takes it for a process of a pod or for the agent itself; a session of
    # its own, because a Ctrl-C in the agent's terminal is not meant for it.
    return subprocess.Popen(
        [sys.executable, "-m", "e2i.local.node.guardian", str(root)],
        stdin=subprocess.PIPE,
        env={},
        start_new_session=True,
    )


def main() -> None:
    """Wait for the end of standard input, then sweep."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    kill_cluster(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
