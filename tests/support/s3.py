"""A real S3 server for tests, and a proxy before it that breaks connections at chosen bytes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.config import Config

ACCESS_KEY = "TESTKEY"
SECRET_KEY = "test-secret-key"
REGION = "us-east-1"
START_SECONDS = 60.0


@dataclass(frozen=True)
class S3Server:
    """A running server; `data` holds its buckets, if it is ours: a versitygw."""

    port: int
    data: Path | None = None

    def own_data(self, why: str) -> Path:
        """Return the folder of the buckets. On a server of somebody's own the test is skipped."""
        if self.data is None:
            pytest.skip(f"needs an S3 server of the tests' own: {why}")
        return self.data

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}),
        )


@contextlib.contextmanager
def s3_server(program: Path, data: Path, users: Path | None = None) -> Iterator[S3Server]:
    """versitygw on a free loopback port, ended with the block; `users`: the folder of its users.json."""
    server = S3Server(free_port(), data)
    known = ["--iam-dir", str(users)] if users else []
    process = subprocess.Popen(
        [program, "--port", f"127.0.0.1:{server.port}", "--quiet", *known, "posix", data],
        env={**os.environ, "ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ROOT_SECRET_ACCESS_KEY": SECRET_KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_port(server.port, process)
        yield server
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, f"versitygw ended with {process.returncode}"
        assert time.monotonic() < deadline, f"versitygw does not listen on {port} after {START_SECONDS} s"
        threading.Event().wait(0.05)


@dataclass
class Fault:
    """What happens to what clients send, once `at` bytes of it have passed since the fault was set.

    `cut` closes the connection, `stall` keeps it open and passes nothing more, `flip` inverts one byte. A cut or
    a stall hits the first `connections` that get there, a flip only one byte in all.
    """

    kind: Literal["cut", "stall", "flip"]
    at: int
    connections: int = 1_000_000


class FaultProxy:
    """A TCP proxy before one port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._fault: Fault | None = None
        self._passed = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.closed = threading.Event()
        self.hit = threading.Event()
        self._expected = 0
        self._done = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, fault: Fault | None) -> None:
        """Set the next fault, or None for none."""
        with self._lock:
            self._fault, self._passed = fault, 0
            self._expected += fault is not None
            self.hit.clear()

    def check(self) -> None:
        """AssertionError if a fault was set and none was done: the test has proved nothing."""
        assert self._done or not self._expected, "the proxy's fault was never used"

    def close(self) -> None:
        self.closed.set()
        # A shutdown, unlike a close, wakes the thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            _end(connection)

    def _accept(self) -> None:
        while not self.closed.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                continue
            self._open += [client, server]
            for source, target, watched in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(source, target, watched), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, watched: bool) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(1 << 16):
                if watched:
                    block = self._harm(block)
                if not block:
                    break
                target.sendall(block)
        _end(source)
        _end(target)

    def _harm(self, block: bytes) -> bytes:
        with self._lock:
            fault = self._fault
            start, self._passed = self._passed, self._passed + len(block)
            if fault is None or self._passed <= fault.at or fault.connections <= 0:
                return block
            self.hit.set()
            self._done += 1
            fault.connections -= 1
            if fault.kind == "flip":
                self._fault = None
                place = fault.at - start
                return block[:place] + bytes([block[place] ^ 0xFF]) + block[place + 1 :]
        if fault.kind == "stall":
            self.closed.wait()
        return b""


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
