"""The requests of `e2i conformance`: a program in a pod, and what its log says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from e2i.conformance.traffic import PROGRAM, Tally, tally_of


class Handler(BaseHTTPRequestHandler):
    """Answers, and from the fifth request on with an error."""

    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.asked < 5 else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}/predict"
    server.shutdown()
    server.server_close()


def test_the_program_counts_requests_and_those_without_a_good_answer(url: str) -> None:
    environment = {**os.environ, "E2I_URL": url, "E2I_BODY": "{}"}
    command = [sys.executable, "-c", PROGRAM.read_text()]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        tally = tally_of(running.stdout.readline())
        running.kill()
    assert tally
    assert tally.requests > 4
    assert tally.failed == tally.requests - 4
    assert "503" in tally.last


def test_the_last_whole_line_counts() -> None:
    lines = [json.dumps({"requests": n, "failed": 0, "last": ""}) for n in (10, 20)]
    assert tally_of("\n".join([*lines, '{"requests": 3'])) == Tally(20, 0, "")
    assert tally_of("starting") is None


def test_only_what_came_since_counts() -> None:
    since = Tally(30, 2, "timed out").since(Tally(10, 1, ""))
    assert (since.requests, since.failed) == (20, 1)
    assert str(since) == "20 requests, 1 lost, the last with: timed out"
    assert str(Tally(10, 0, "")) == "10 requests, 0 lost"
