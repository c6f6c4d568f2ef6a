"""What a process has used, by /proc."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
BUSY = 0.05
"""Share of a core that a process without work stays below."""
LONGEST_WAIT = 300.0


@dataclass(frozen=True)
class Usage:
    """CPU seconds, and MiB of memory: resident now, the process's own share of it, and the most that was resident."""

    cpu: float
    resident: float
    own_share: float
    peak: float


def usage(pid: int) -> Usage:
    status, rollup = _fields(pid, "status"), _fields(pid, "smaps_rollup")
    return Usage(cpu_of(pid), _mib(status["VmRSS"]), _mib(rollup["Pss"]), _mib(status["VmHWM"]))


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


async def until_idle(pid: int) -> None:
    """Wait until the process has used hardly any CPU for a second, at most five minutes."""
    for _ in range(round(LONGEST_WAIT)):
        before = cpu_of(pid)
        await asyncio.sleep(1)  # CPU of another process is measured over a second.
        if cpu_of(pid) - before < BUSY:
            return


def _fields(pid: int, file: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return {name: value for name, _, value in (line.partition(":") for line in lines)}


def _mib(value: str) -> float:
    """89123 kB -> 87.0"""
    return int(value.split()[0]) / 1024
