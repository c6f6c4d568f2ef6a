"""A bento under `bentoml serve`, for the time of a measurement."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

START_SECONDS = 180
STOP_SECONDS = 20
BUSY = 503


@dataclass(frozen=True)
class Served:
    port: int
    pid: int
    seconds: float
    """From the start of the process to the first 200 of /readyz."""

    def post(self, route: str, body: object) -> float:
        """Seconds that the answer took; 503 is asked again until START_SECONDS are over."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            started = time.monotonic()
            answer = httpx.post(f"http://127.0.0.1:{self.port}{route}", json=body, timeout=60)
            if answer.status_code != BUSY or time.monotonic() > deadline:
                answer.raise_for_status()
                return time.monotonic() - started


@contextmanager
def serve(what: str, **environment: str) -> Iterator[Served]:
    """`what` is a tag or module:Class of this folder; leaves no process behind."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="e2i-bench-") as home:
        command = [sys.executable, "-m", "bentoml", "serve", what, "--host", "127.0.0.1", "--port", str(port)]
        own = {"BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True"}
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parent,
            env=os.environ | own | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _wait(port, process)
            yield Served(port, process.pid, time.monotonic() - started)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def memory(pid: int) -> float:
    """Resident MiB of the process and all that come from it."""
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 2**20


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the bento was not ready within {START_SECONDS} s (exit code {process.poll()})")
