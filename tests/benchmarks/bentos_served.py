"""A bento under `bentoml serve`, for the time of a measurement."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from support.bentoserver import bento_server, wait_for

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
    with tempfile.TemporaryDirectory(prefix="e2i-bench-") as empty:
        home = Path(environment.pop("BENTOML_HOME", empty))
        started = time.monotonic()
        with bento_server(what, home, folder=Path(__file__).parent, **environment) as server:
            wait_for(f"{server.url}/readyz")
            yield Served(server.port, server.pid, time.monotonic() - started)


def memory(pid: int) -> float:
    """Resident MiB of the process and all that come from it."""
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 2**20
