"""Who listens on a TCP port of this machine."""

from __future__ import annotations

import socket
from pathlib import Path

_LISTENING = "0A"


def is_free(port: int) -> bool:
    """Whether a component could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that are only waiting to be forgotten do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder(port: int) -> str | None:
    """`postgres, process 4711` for the process that listens on the port; None when it cannot be seen."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            links = {str(link.readlink()) for link in (folder / "fd").iterdir()}
        except OSError:
            # Gone by now, or another user's.
            continue
        if links & inodes:
            return f"{(folder / 'comm').read_text().strip()}, process {folder.name}"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes
