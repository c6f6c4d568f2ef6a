"""Find and kill the processes of pods by the marks in their environment.

Imports only the standard library: the guardian, which outlives a crashed agent, needs no more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

CLUSTER_MARK = "E2I_LOCAL_CLUSTER"
CONTAINER_MARK = "E2I_LOCAL_CONTAINER"
PATIENCE = 5.0
"""Seconds to wait for killed processes that are stuck in the kernel."""


@dataclass(frozen=True)
class RunningProcess:
    """One process in /proc."""

    pid: int
    parent: int
    session: int
    ticks: int
    """CPU time of the process and of its ended children, in clock ticks."""


def processes() -> dict[int, RunningProcess]:
    """Return every living process by id; a zombie does not live."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (one := process(int(entry))):
            found[one.pid] = one
    return found


def process(pid: int) -> RunningProcess | None:
    """Return the process, None if it does not live."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in parentheses may contain anything, so the fields are counted from the last parenthesis.
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return RunningProcess(pid, int(fields[1]), int(fields[3]), sum(map(int, fields[11:15])))


def marked(mark: str, value: str, everyone: dict[int, RunningProcess]) -> set[int]:
    """Return the processes whose environment has `mark` set to `value`, and all their descendants.

    With descendants, because a program may overwrite its environment in /proc.
    """
    wanted = f"{mark}={value}".encode()
    roots = {pid for pid in everyone if wanted in _environment(pid)}
    return process_tree(roots, everyone) - _ourselves(everyone)


def process_tree(roots: set[int], everyone: dict[int, RunningProcess]) -> set[int]:
    """Return the roots, the members of their sessions, and all descendants of these."""
    members = {pid for pid, process in everyone.items() if pid in roots or process.session in roots}
    while True:
        more = {pid for pid, process in everyone.items() if process.parent in members} - members
        if not more:
            return members
        members |= more


def container_of(pid: int) -> str:
    """Return the id of the container that the process's mark names, "" without a mark."""
    start = f"{CONTAINER_MARK}=".encode()
    return next((entry[len(start) :].decode() for entry in _environment(pid) if entry.startswith(start)), "")


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        # It has just ended, or it belongs to another user and cannot be ours.
        return []


def _ourselves(everyone: dict[int, RunningProcess]) -> set[int]:
    """Return the caller and its ancestors: an agent that was started inside a pod must not kill itself."""
    lineage, pid = set(), os.getpid()
    while pid in everyone and pid not in lineage:
        lineage.add(pid)
        pid = everyone[pid].parent
    return lineage


def kill(pids: set[int]) -> None:
    """Send SIGKILL to each process; one that has ended already is no error."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_cluster(root: Path) -> int:
    """Kill every process of the cluster's pods, also those that start meanwhile; return how many."""
    killed: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while alive := marked(CLUSTER_MARK, str(root), processes()):
        # To read /proc may take longer than the deadline on a busy machine, so kill first.
        if alive <= killed and time.monotonic() > deadline:
            break
        kill(alive)
        killed |= alive
        # Others start processes meanwhile, and nothing tells of them.
        time.sleep(0.02)
    return len(killed)
