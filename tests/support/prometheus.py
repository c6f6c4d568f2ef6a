"""A real Prometheus for a test: our rules, the pods that our PodMonitor finds, and a receiver of its alerts."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from support.monitoring import rules
from support.s3 import free_port

from e2i.local.prometheus import CONFIGURATION, command, configuration, scrape_of

PROJECT = Path(__file__).resolve().parents[2]
POD_MONITOR = PROJECT / "manifests" / "monitoring" / "podmonitor.yaml"
SHORTEN = 100
"""Every duration of the rules is divided by it: an hour is 36 s."""
PATIENCE = 120.0
ENDED_WITHIN = 5.0
"""Seconds: an alert that was sent with an end so near has ended."""


class Prometheus:
    """One process."""

    def __init__(
        self, program: Path, folder: Path, scraped: Sequence[str], kubeconfig: Path | None = None
    ) -> None:
        """`scraped`: the addresses of metrics of operators and gateways. `kubeconfig`: where pods are found."""
        self.notified: set[tuple[str, str]] = set()
        """Name and state (firing, resolved) of the alerts that were sent."""
        self.log = folder / "prometheus.log"
        self._program, self._folder = program, folder
        self._address = f"127.0.0.1:{free_port()}"
        self._receiver = ThreadingHTTPServer(("127.0.0.1", 0), self._receiving())
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules.groups(SHORTEN)))
        own = {"job_name": "operator", "honor_labels": True, "static_configs": [{"targets": list(scraped)}]}
        models = [scrape_of(yaml.safe_load(POD_MONITOR.read_text()), kubeconfig)] if kubeconfig else []
        receiver = f"127.0.0.1:{self._receiver.server_address[1]}"
        body = configuration([own, *models], ["rules.yaml"], every="1s", alertmanagers=[receiver])
        (folder / CONFIGURATION).write_text(yaml.safe_dump(body))

    @property
    def address(self) -> str:
        """HOST:PORT"""
        return self._address

    @contextlib.contextmanager
    def running(self) -> Iterator[Prometheus]:
        """Start it, and end it with the block."""
        threading.Thread(target=self._receiver.serve_forever, daemon=True).start()
        argv = command(self._program, self._folder, self._address)
        with self.log.open("ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield self
        finally:
            process.terminate()
            process.wait(timeout=60)
            self._receiver.shutdown()
            self._receiver.server_close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return labels and value of each series; none while it does not answer yet."""
        asked = urllib.parse.urlencode({"query": expression})
        address = f"http://{self._address}/api/v1/query?{asked}"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found
        return []

    def wait(self, expression: str, patience: float = PATIENCE) -> None:
        """Wait until the expression gives a series."""
        deadline = time.monotonic() + patience
        while not self.query(expression):
            assert time.monotonic() < deadline, f"waited {patience:.0f} s for {expression}: {self.firing()}"
            time.sleep(0.3)

    def wait_for(self, *alerts: str, state: str = "firing", patience: float = PATIENCE) -> None:
        """Wait until each alert was sent in this state."""
        deadline = time.monotonic() + patience
        while missing := {alert for alert in alerts if (alert, state) not in self.notified}:
            assert time.monotonic() < deadline, f"waited {patience:.0f} s for {missing}: {self.notified}"
            time.sleep(0.3)

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        return {each["metric"]["alertname"] for each in self.query('ALERTS{alertstate="firing"}')}

    def _receiving(self) -> type[BaseHTTPRequestHandler]:
        notified = self.notified

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for alert in json.loads(body):
                    # One that fires has its end minutes ahead, until it is sent again.
                    left = datetime.fromisoformat(alert["endsAt"]).timestamp() - time.time()
                    ended = left < ENDED_WITHIN
                    notified.add((alert["labels"]["alertname"], "resolved" if ended else "firing"))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Receiver
