"""Run the Go compiler, with its progress in one line that is replaced.

docs/decisions/0017-cold-build.md says where the time goes and how it was reduced.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from e2i.local.errors import ClusterError
from e2i.local.golang import Go
from e2i.local.node.machine import memory_limit

SHOW_EVERY = 1.0
SAY_EVERY = 15.0
"""Seconds between two lines of progress if the output is not a terminal."""
ENOUGH_FOR_A_GUESS = 0.1
"""The share of compiled packages from which on the remaining time is estimated."""
LEAST_MEMORY = 1024**3
"""Bytes for each compiler process; with less the garbage collector stays on."""

Say = Callable[[str], None]


class Progress:
    """The compiler's progress as one line. Fed by one thread, read by another."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._downloaded = 0
        self._compiled = 0
        self._packages = -1
        self._begun = 0.0
        self.problem = ""

    def expect(self, packages: int, seconds: float) -> None:
        """Set how many packages are to be compiled, and after how many seconds compiling started."""
        self._packages, self._begun = packages, seconds

    def read_line(self, line: str) -> None:
        """Take one line of the compiler's output: a download, a package that it compiles now, or a problem."""
        if line.startswith("go: downloading "):
            self._downloaded += 1
        elif line and " " not in line:
            self._compiled += 1
        elif line and not line.startswith("#") and not self.problem:
            self.problem = line.strip()

    def line(self, seconds: float) -> str:
        """Return for example `controlplane: 412 of 1390 packages compiled, about 4 min left`."""
        if self._packages < 0:
            return f"{self._name}: {counted(self._downloaded, 'module')} downloaded"
        if self._compiled >= self._packages:
            return f"{self._name}: {counted(self._packages, 'package')} compiled, linking"
        done = f"{self._name}: {self._compiled} of {counted(self._packages, 'package')} compiled"
        if self._compiled < ENOUGH_FOR_A_GUESS * self._packages:
            return done
        left = (seconds - self._begun) / self._compiled * (self._packages - self._compiled)
        return f"{done}, about {in_minutes(left)} left"


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: 1 package, 2 packages."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def in_minutes(seconds: float) -> str:
    """Return the time rounded as an estimate: 20 s, 1 min, 4 min."""
    if seconds < 55:
        return f"{max(10, round(seconds, -1)):.0f} s"
    return f"{round(seconds / 60):.0f} min"


def compile_module(
    go: Go, module: Path, package: str, own: Sequence[str], target: Path, say: Say, show: Say | None = None
) -> None:
    """Download the module's dependencies and build `package` into `target`; ClusterError if that fails.

    `own`: flags beside those that all programs are built with.
    `show` gets the line of progress every second; without `show`, `say` gets it every 15 seconds. After an interrupt
    the next call goes on from there: Go keeps compiled packages in its own cache.
    """
    progress, started = Progress(module.name), time.monotonic()
    ended = threading.Event()
    clock = threading.Thread(target=_report, args=(progress, started, ended, say, show), daemon=True)
    clock.start()
    # Without -dwarf=false the compiler makes debug information for each package, and the linker drops it (-w).
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"]
    build = [*flags, *own, "-o", str(target), package]
    fast = Go(go.program, go.environment | collector_settings(_available_memory(), os.cpu_count() or 1))
    try:
        progress.expect(_packages_ahead(fast, build, module, progress), time.monotonic() - started)
        _run(fast, ["build", "-v", *build], module, progress.read_line, progress)
    finally:
        ended.set()
        clock.join()


@contextlib.contextmanager
def downloading(go: Go, module: Path, package: str) -> Iterator[None]:
    """Download the module's dependencies while the body runs; the compiler later downloads the rest itself."""
    listing = [str(go.program), "list", "-mod=readonly", "-deps", package]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        listing, cwd=module, env=go.environment, stdin=quiet, stdout=quiet, stderr=quiet
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def collector_settings(memory: int, processors: int) -> dict[str, str]:
    """Return the variables that turn the compiler's garbage collector off as far as `memory` bytes allow.

    A compiler process lives for seconds, so its garbage collection is mostly lost work. One process runs for each
    processor; the limit turns the collector on again before they fill the memory.
    """
    share = memory * 3 // 4 // processors
    return {"GOGC": "off", "GOMEMLIMIT": str(share)} if share >= LEAST_MEMORY else {}


def _available_memory() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return min(available, memory_limit())


def _packages_ahead(go: Go, build: list[str], module: Path, progress: Progress) -> int:
    """Return how many packages are not in Go's cache; downloads the modules that it needs for this."""
    headings = set[str]()

    def read_line(line: str) -> None:
        if line.startswith("# "):
            headings.add(line)
        elif line.startswith("go: ") or re.match(r"\S+\.go:\d+", line):
            progress.read_line(line)

    _run(go, ["build", "-n", *build], module, read_line, progress)
    return len(headings)


def _report(progress: Progress, started: float, ended: threading.Event, say: Say, show: Say | None) -> None:
    while not ended.wait(SHOW_EVERY if show else SAY_EVERY):
        (show or say)(progress.line(time.monotonic() - started))


def _run(go: Go, arguments: list[str], module: Path, read_line: Say, progress: Progress) -> None:
    """Run one go command to its end and pass each line of its output to `read_line`."""
    with subprocess.Popen(
        [go.program, *arguments],
        cwd=module,
        env=go.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines: Iterable[str] = process.stderr or ()
        for line in lines:
            read_line(line.rstrip("\n"))
    if process.returncode:
        raise ClusterError(
            f"`go {arguments[0]}` failed for {module.name}: {progress.problem or 'no message'}. "
            "Check the network and the free disk space, then run the command again: it goes on from there."
        )
