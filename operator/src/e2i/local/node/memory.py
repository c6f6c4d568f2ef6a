"""Kill containers that use more memory than their limit, as the kernel does with real containers.

    new processes ── by mark, parent or session ──> their container ── over its limit ──> SIGKILL to all of them

It runs in the guardian, so it does not wait for the agent's other work, and it imports only the standard library.
What the kernel can take back when it needs room (pages of files) does not count, what is swapped out does.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Collection
from dataclasses import dataclass

from e2i.local.node import sweep

FASTEST = 2 * 1024**3
"""Bytes a second: the growth from which the time of a container's next look follows."""
SHORTEST, LONGEST = 0.05, 1.0
"""Seconds between two looks at a container."""
RESTS = 10
"""Times the CPU time of a look that pass before the next one: looks never take more than a tenth of a processor."""
OWN = (b"RssAnon", b"RssShmem", b"VmSwap")
SHARED_OUT = (b"Pss_Anon", b"Pss_Shmem", b"SwapPss")
LIBC = ctypes.CDLL(None)
KCMP, KCMP_VM = {"x86_64": 312, "aarch64": 272}, 1
"""The system call that compares two processes, for which the C library has no function."""


@dataclass
class Watched:
    """A container with a memory limit."""

    pid: int
    limit: int
    look_at: float = 0.0
    killed_at: int = 0
    """Bytes that it used when it was killed, else 0."""


class MemoryWatch:
    """The containers with a limit, and the processes of each."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}
        self._owners: dict[int, str] = {}
        """The container of each process, "" for the others. It keeps its container when its parent ends."""

    def add(self, id_: str, pid: int, limit: int) -> None:
        """Watch the container whose first process is `pid`."""
        self._watched[id_] = Watched(pid, limit)
        self._owners[pid] = id_

    def remove(self, id_: str) -> int:
        """Watch it no more; return the bytes that it used when it was killed, 0 if it was not."""
        watched = self._watched.pop(id_, None)
        return watched.killed_at if watched else 0

    def look(self) -> float | None:
        """Kill the containers over their limits; return the seconds until the next look, None for none."""
        if not self._watched:
            return None
        now, busy = time.monotonic(), time.thread_time()
        # Those that are nearly due are looked at too: one look for many is cheaper than many.
        due = {id_: one for id_, one in self._watched.items() if one.look_at <= now + SHORTEST / 2}
        if due:
            self._find_members()
        for id_, watched in due.items():
            members = {pid for pid, owner in self._owners.items() if owner == id_}
            used = memory_of(members, watched.limit)
            if used > watched.limit:
                watched.killed_at = max(watched.killed_at, used)
                # First the one whose end is the container's end: it must not answer for the others.
                sweep.kill({watched.pid} & members)
                sweep.kill(members)
            watched.look_at = now + min(max((watched.limit - used) / FASTEST, SHORTEST), LONGEST)
        wait = min(one.look_at for one in self._watched.values()) - time.monotonic()
        return max(wait, RESTS * (time.thread_time() - busy))

    def _find_members(self) -> None:
        alive = {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}
        owners = {pid: owner for pid, owner in self._owners.items() if pid in alive}
        owners |= {pid: mark for pid in alive - owners.keys() if (mark := sweep.container_of(pid))}
        new = [process for pid in alive - owners.keys() if (process := sweep.process(pid))]
        while found := {
            p.pid: owner for p in new if (owner := owners.get(p.parent) or owners.get(p.session))
        }:
            owners |= found
            new = [process for process in new if process.pid not in found]
        self._owners = owners | {process.pid: "" for process in new}


def memory_of(pids: Collection[int], limit: int) -> int:
    """Return the bytes that the processes use; a page that they share counts once, but only near the limit.

    To find out what is shared takes long, so first the sum is taken as if nothing was.
    """
    most = sum(_sum(pid, "status", OWN) for pid in pids)
    if most <= limit:
        return most
    alone = [pid for pid in pids if not _borrows(pid)]
    # A kernel before 5.4 does not say it.
    return sum(_sum(pid, "smaps_rollup", SHARED_OUT) or _sum(pid, "status", OWN) for pid in alone)


def _borrows(pid: int) -> bool:
    """Return whether the process still runs in its parent's memory: between vfork and exec it looks as large."""
    process, number = sweep.process(pid), KCMP.get(os.uname().machine, -1)
    return process is not None and LIBC.syscall(number, pid, process.parent, KCMP_VM, 0, 0) == 0


def _sum(pid: int, file: str, names: tuple[bytes, ...]) -> int:
    try:
        with open(f"/proc/{pid}/{file}", "rb", buffering=0) as opened:
            lines = opened.read().splitlines()
    except OSError:
        return 0  # It has just ended.
    return sum(int(line.split()[1]) * 1024 for line in lines if line.partition(b":")[0] in names)
