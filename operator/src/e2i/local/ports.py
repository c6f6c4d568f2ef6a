"""Find out whether a TCP port of this machine is free, and which process listens on it."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from e2i.polling import poll

FREE_WITHIN = 5.0
"""Seconds; the kernel needs them after etcd was killed, because etcd maps its whole store."""

_LISTENING = "0A"


def is_free(port: int) -> bool:
    """Return whether a component could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: old connections in the state TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def wait_until_free(port: int) -> bool:
    """Wait until the port is free; return False if a process listens on it, or after FREE_WITHIN seconds.

    A killed process holds its ports until the kernel has released its resources.
    """
    poll(lambda: is_free(port) or holder(port) is not None, within=FREE_WITHIN, every=0.05)
    return is_free(port)


def holder(port: int) -> str | None:
    """Return the process that listens on the port (`postgres, process 4711`), or None if this user cannot see it."""
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
            # A file may be closed meanwhile; the others still count.
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
