"""What all benchmarks share: medians and spread, markdown tables, and a description of the machine."""

from __future__ import annotations

import math
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from e2i.local.kubernetes_versions import NEWEST, VERSIONS

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("kopf", "kubernetes", "aiohttp", "bentoml", "boto3")


def say(line: str = "") -> None:
    print(line, flush=True)  # noqa: T201 - these are programs for a terminal


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def table(header: Sequence[str], rows: Iterable[Sequence[object]], words: int = 1) -> str:
    """A markdown table; the first columns are words, all others are numbers."""
    lines = [header, ["---" if n < words else "---:" for n in range(len(header))], *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median and the range of the rounds: 12.1 (11.8 to 13.0)"""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def machine(folder: Path) -> str:
    """One paragraph: what the figures were taken on; `folder` is where the cluster's files lie."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; Linux {platform.release()}; cluster's files on "
        f"{_file_system(folder)}; Python {platform.python_version()}, {packages}, Kubernetes {VERSIONS[NEWEST]}; "
        f"commit {_commit()}; load of the last minute before the run {os.getloadavg()[0]:.1f}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """The kind of file system that `folder` is on: ext4, tmpfs, ..."""
    done = subprocess.run(
        ["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _commit() -> str:
    command = ["git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
