"""Start the processes of one cluster in the background, find them again later, and stop them reliably.

A process is identified by its id and its start time, because ids are reused. Every component has its cluster and its
name in the variable `E2I_LOCAL_COMPONENT`, every process of a pod has its cluster in `E2I_LOCAL_CLUSTER`. Processes
whose record was lost are found by these variables.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from e2i.polling import poll

COMPONENT_VARIABLE = "E2I_LOCAL_COMPONENT"
POD_VARIABLE = "E2I_LOCAL_CLUSTER"
POLL = 0.05
KILLED_WITHIN = 30.0
LARGEST_LOG = 10 * 1024 * 1024


@dataclass(frozen=True)
class Process:
    """One process; it never equals a later process with the same id.

    `started` is in clock ticks after boot, `boot` is the kernel's random id of this boot.
    """

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        return find(self.pid) == self

    @property
    def age(self) -> float:
        """Seconds since its start."""
        ticks = os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / ticks


def find(pid: int) -> Process | None:
    """Return the living process with this id, or None; a zombie does not live."""
    try:
        # The command in parentheses may contain anything, so count from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]), _boot())


def start(argv: tuple[str, ...], *, log: Path, environment: Mapping[str, str]) -> tuple[int, Process | None]:
    """Start a program in a new session and append its output to `log`; OSError if it cannot be started.

    Returns its id, and the process, or None if it has ended already.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Not subprocess: it warns about children that outlive their parent.
    pid = os.posix_spawn(
        argv[0],
        argv,
        {**os.environ, **environment},
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    return pid, find(pid)


def exit_code(pid: int) -> int | None:
    """Return the exit code of a child of this program that has ended (-9 for SIGKILL); None if it is not a child.

    Works once: then the kernel forgets the exit code.
    """
    try:
        # This waits: while the last threads of a dead process end, it has no exit code yet.
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None


def write_record(process: Process, file: Path) -> None:
    """Write the process's record to `file`, atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(process)))
    partial.replace(file)


def read_record(file: Path) -> Process | None:
    """Return the process recorded in `file`, alive or not; None if there is no readable record."""
    try:
        values = json.loads(file.read_text())
        return Process(int(values["pid"]), int(values["started"]), str(values["boot"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def stop(processes: Iterable[Process], *, patience: float) -> None:
    """Send SIGTERM to all, after `patience` seconds SIGKILL to the rest; return when none is alive.

    After KILLED_WITHIN seconds only processes that are stuck in the kernel are left.
    """
    remaining = list(processes)

    def are_gone() -> bool:
        remaining[:] = [process for process in remaining if process.alive]
        return not remaining

    _signal(remaining, signal.SIGTERM)
    if not poll(are_gone, within=patience, every=POLL):
        _signal(remaining, signal.SIGKILL)
        poll(are_gone, within=KILLED_WITHIN, every=POLL)


def marked(variable: str, value: str) -> list[Process]:
    """Return the living processes of this user that have the variable in their environment, with all descendants."""
    wanted = f"{variable}={value}".encode()
    living, parents = {}, {}
    chosen: set[int] = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or not (process := find(int(folder.name))):
            continue
        try:
            parents[process.pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                chosen.add(process.pid)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        living[process.pid] = process
    while more := {pid for pid in living if parents[pid] in chosen} - chosen:
        chosen |= more
    return [living[pid] for pid in chosen if pid in living and pid != os.getpid()]


def _signal(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        # Checked again just before: the id may belong to another process by now.
        if process.alive:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
