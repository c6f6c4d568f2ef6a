"""One run of the Go compiler, with a sign of life every few seconds."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from e2i.local.errors import ClusterFault
from e2i.local.golang import Go

SIGN_OF_LIFE = 5.0


class Progress:
    """What the compiler has said so far, in one line. Fed by one thread, read by another."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._downloaded = 0
        self._compiled = 0
        self._packages = 0
        self.problem = ""

    def expect(self, packages: int) -> None:
        """How many packages the program consists of; those in Go's cache will not be named again."""
        self._packages = packages

    def hear(self, line: str) -> None:
        """One line of the compiler's output: a download, a package that it compiles now, or a problem."""
        if line.startswith("go: downloading "):
            self._downloaded += 1
        elif line and " " not in line:
            self._compiled += 1
        elif line and not line.startswith("#") and not self.problem:
            self.problem = line.strip()

    def line(self, seconds: float) -> str:
        """`controlplane: 412 of 1390 packages compiled, 1 min 20 s`"""
        if not self._packages:
            done = f"{self._downloaded} modules downloaded"
        elif not self._compiled:
            done = f"{self._packages} packages to look at"
        else:
            done = f"{self._compiled} of at most {self._packages} packages compiled"
        minutes, rest = divmod(int(seconds), 60)
        return f"{self._name}: {done}, {f'{minutes} min ' if minutes else ''}{rest} s"


def compile_module(
    go: Go, module: Path, package: str, linker_flags: str, target: Path, say: Callable[[str], None]
) -> None:
    """Download what the module needs and build `package` into `target`; ClusterFault when that fails.

    Interrupted, it goes on from there at the next call: Go keeps what is compiled in its own cache.
    """
    progress = Progress(module.name)
    ended = threading.Event()
    clock = threading.Thread(target=_tell, args=(progress, ended, say), daemon=True)
    clock.start()
    try:
        progress.expect(len(_run(go, ["list", "-mod=readonly", "-deps", package], module, progress)))
        flags = ["-v", "-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={linker_flags}"]
        _run(go, ["build", *flags, "-o", str(target), package], module, progress)
    finally:
        ended.set()
        clock.join()


def _tell(progress: Progress, ended: threading.Event, say: Callable[[str], None]) -> None:
    started = time.monotonic()
    while not ended.wait(SIGN_OF_LIFE):
        say(progress.line(time.monotonic() - started))


def _run(go: Go, arguments: list[str], module: Path, progress: Progress) -> list[str]:
    """Run one go command to its end and return the lines of its standard output."""
    with subprocess.Popen(
        [go.program, *arguments],
        cwd=module,
        env=go.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101  for the type checker: both are pipes
        assert process.stderr is not None  # noqa: S101
        output: list[str] = []
        reader = threading.Thread(target=output.extend, args=(process.stdout,))
        reader.start()
        for line in process.stderr:
            progress.hear(line.rstrip("\n"))
        reader.join()
    if process.returncode:
        raise ClusterFault(
            f"`go {arguments[0]}` failed for {module.name}: {progress.problem or 'no message'}. "
            "Check the network and the free disk space, then run the command again: it goes on from there."
        )
    return output
