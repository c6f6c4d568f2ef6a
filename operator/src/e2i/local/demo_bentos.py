"""The bentos of `e2i demo`, trained and built in the background while the cluster starts."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from e2i.local.errors import ClusterError

BENTO = "churn_model"
FIRST, SECOND, WRONG = "1.0.0", "2.0.0", "3.0.0"
LAST_LINES = 10
"""Lines of the output of a failed build that are shown."""


class BentoBuilds:
    """Builds the versions of the churn model that the store lacks, one after the other."""

    def __init__(self, project: Path, store: Path) -> None:
        self._project = project
        self._store = store
        self._lines: list[str] = []
        self._failure = ""
        self._running: subprocess.Popen[str] | None = None
        self._is_cancelled = False
        self._lock = threading.Lock()
        """Held while a build starts, so that no build starts after the cancellation."""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> BentoBuilds:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End the build that still runs."""
        with self._lock:
            self._is_cancelled = True
            if self._running:
                self._running.terminate()
        self._thread.join()

    def finish(self, say: Callable[[str], None]) -> None:
        """Wait for the last build and say what was built; ClusterError if one failed."""
        self._thread.join()
        for line in self._lines:
            say(line)
        if self._failure:
            raise ClusterError(self._failure)

    def _run(self) -> None:
        for version in (FIRST, SECOND, WRONG):
            if not self._failure:
                self._build(version)

    def _build(self, version: str) -> None:
        arguments = ["bentos/build.py", "churn", "--version", version, "--store", str(self._store)]
        command = [sys.executable, *arguments]
        # Both streams go into one file: the output before an error often names its cause.
        with tempfile.TemporaryFile("w+") as output:
            with self._lock:
                if self._is_cancelled:
                    return
                self._running = subprocess.Popen(
                    command, cwd=self._project, stdout=output, stderr=subprocess.STDOUT, text=True
                )
            code = self._running.wait()
            output.seek(0)
            lines = output.read().strip().splitlines()
        if code == 0:
            self._lines += lines
        elif not self._is_cancelled:
            shown = "\n".join(f"    {line}" for line in lines[-LAST_LINES:]) or "    (it printed nothing)"
            self._failure = (
                f"The bento {BENTO}:{version} was not built. The last lines of the build:\n{shown}\n"
                f"Try it alone with `cd {shlex.quote(str(self._project))} && {shlex.join(command)}`."
            )
