"""Who listens on a TCP port of this machine."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

FREE_WITHIN = 5.0
"""Seconds; etcd maps its whole store."""

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


def wait_until_free(port: int) -> bool:
    """The same, in a moment: a process that was killed holds its ports until the kernel has taken it apart."""
    deadline = time.monotonic() + FREE_WITHIN
    while not is_free(port):
        if holder(port) or time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def holder(port: int) -> str | None:
    """`postgres, process 4711` for the process that listens on the port; None when it cannot be seen."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _open_files(folder) & inodes:
            return f"{(folder / 'comm').read_text().strip()}, process {folder.name}"
    return None


def _open_files(process: Path) -> set[str]:
    """Return the sockets that the process has open, as far as this user may see them."""
    files = set()
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            # One may be closed while we look; the others still count.
            with contextlib.suppress(OSError):
                files.add(str(link.readlink()))
    return files


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
