"""The real `bentoml serve` on a free port of the loopback, for the time of a test or a measurement."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 180
STOP_SECONDS = 20


@dataclass(frozen=True)
class BentoServer:
    """A server that was started; `pid` is its supervisor's."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def bento_server(
    what: str,
    home: Path,
    *options: str,
    folder: Path | None = None,
    log: Path | None = None,
    **environment: str,
) -> Iterator[BentoServer]:
    """Serve `what` (a tag, `.` or module:Class, seen from `folder`) from this BentoML home; leaves no process.

    `options`: further ones of `bentoml serve`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "PYTHONUNBUFFERED": "1"}
    with (log or Path(os.devnull)).open("wb") as words:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bentoml",
                "serve",
                what,
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                *options,
            ],
            cwd=folder,
            env=os.environ | own | environment,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield BentoServer(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(url: str, status: int = 200) -> None:
    """Until GET answers this status; AssertionError after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    seen: object = "nothing"
    while time.monotonic() < deadline:
        try:
            seen = httpx.get(url, timeout=2).status_code
        except httpx.TransportError as error:
            seen = error
        if seen == status:
            return
        # Not a wait for a fixed time: the loop ends at the first right answer.
        time.sleep(0.05)
    raise AssertionError(f"{url} should answer {status} within {START_SECONDS} s, last was {seen}")
