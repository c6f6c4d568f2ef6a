"""One bash session, as a reader has it in a new terminal: steps run in it one after the other."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Answer:
    """What a command printed on both of its streams, and its exit code; None if it did not end in time."""

    printed: str
    code: int | None


class Shell:
    """A bash without any start-up file, in `folder`, with `environment` and nothing else."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], scratch: Path, prefix: tuple[str, ...] = ()
    ):
        self._step = scratch / "step.sh"
        self._mark = f"end-of-step-{uuid.uuid4().hex}"
        self._bash = subprocess.Popen(
            [*prefix, "bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # One group, so that what a page leaves behind ends with its terminal.
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The whole group: a job that a page left in the background would hold the pipe open.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._reader.join(timeout=5)
        with self._bash:
            pass

    def run(self, command: str, timeout: float) -> Answer:
        """Run one command line in the session and return when it has ended, or after `timeout` seconds."""
        self._step.write_text(command + "\n")
        os.chmod(self._step, 0o644)
        assert self._bash.stdin
        # Sourced, so that variables and the folder stay; $? is handed on to the next step.
        self._bash.stdin.write(f". '{self._step}' </dev/null\n__code=$?; echo; echo {self._mark} $__code; ")
        self._bash.stdin.write("(exit $__code)\n")
        self._bash.stdin.flush()
        return self._until_mark(time.monotonic() + timeout)

    def _until_mark(self, deadline: float) -> Answer:
        printed: list[str] = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                return Answer("".join(printed), self._bash.wait())
            if line.startswith(self._mark):
                return Answer("".join(printed).strip("\n"), int(line.split()[1]))
            printed.append(line)
        return Answer("".join(printed), None)

    def _read(self) -> None:
        assert self._bash.stdout
        for line in self._bash.stdout:
            self._lines.put(line)
        self._lines.put(None)
