"""A real Prometheus and Alertmanager for a test: our rules, the pods of our PodMonitor, and a webhook for alerts."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from support.monitoring import rules
from support.s3 import free_port

from e2i.local import alertmanager_process, prometheus_process
from e2i.local.prometheus_process import scrape_of
from e2i.local.toolchain import ALERTMANAGER, PROMETHEUS, ensure_built, program_of

PROJECT = Path(__file__).resolve().parents[2]
POD_MONITOR = PROJECT / "manifests" / "monitoring" / "podmonitor.yaml"
SHORTEN = 100
"""Every duration of the rules is divided by it: an hour is 36 s."""
PATIENCE = 120.0


class Prometheus:
    """One of each. What the Alertmanager tells its webhook is in `notified`."""

    def __init__(self, folder: Path, scraped: Sequence[str], kubeconfig: Path | None = None) -> None:
        """`scraped`: the addresses of metrics of operators and gateways. `kubeconfig`: where pods are found."""
        self.notified: set[tuple[str, str]] = set()
        """Name and state (firing, resolved) of the alerts that the webhook was told of."""
        self._receiver = ThreadingHTTPServer(("127.0.0.1", 0), self._receiving())
        self._address, alertmanager = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        own = {"job_name": "operator", "honor_labels": True, "static_configs": [{"targets": list(scraped)}]}
        models = [scrape_of(yaml.safe_load(POD_MONITOR.read_text()), kubeconfig)] if kubeconfig else []
        body = prometheus_process.configuration(
            [own, *models], ["rules.yaml"], every="1s", alertmanagers=[alertmanager]
        )
        webhook = f"http://127.0.0.1:{self._receiver.server_address[1]}/"
        files = {
            "rules.yaml": rules.groups(SHORTEN),
            prometheus_process.CONFIGURATION: body,
            alertmanager_process.CONFIGURATION: alertmanager_process.configuration(
                webhook, wait="1s", again="1s"
            ),
        }
        for name, content in files.items():
            (folder / name).write_text(yaml.safe_dump(content))
        self._logs = folder
        self._commands = {
            "alertmanager": alertmanager_process.command(program_of(ALERTMANAGER), folder, alertmanager),
            "prometheus": prometheus_process.command(program_of(PROMETHEUS), folder, self._address),
        }

    @property
    def address(self) -> str:
        """HOST:PORT"""
        return self._address

    @contextlib.contextmanager
    def running(self) -> Iterator[Prometheus]:
        """Start it, and end it with the block."""
        threading.Thread(target=self._receiver.serve_forever, daemon=True).start()
        with contextlib.ExitStack() as stack:
            stack.callback(self._receiver.server_close)
            stack.callback(self._receiver.shutdown)
            for name, argv in self._commands.items():
                stack.enter_context(_process(argv, self._logs / f"{name}.log"))
            yield self

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return labels and value of each series; none while it does not answer yet."""
        return ask(f"http://{self._address}", expression)

    def wait(self, expression: str, patience: float = PATIENCE) -> None:
        """Wait until the expression gives a series."""
        deadline = time.monotonic() + patience
        while not self.query(expression):
            assert time.monotonic() < deadline, f"waited {patience:.0f} s for {expression}: {self.firing()}"
            time.sleep(0.3)

    def wait_for(self, *alerts: str, state: str = "firing", patience: float = PATIENCE) -> None:
        """Wait until the webhook was told of each alert in this state."""
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
                for alert in json.loads(body)["alerts"]:
                    notified.add((alert["labels"]["alertname"], alert["status"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Receiver


def ask(url: str, expression: str) -> list[dict[str, Any]]:
    """Return labels and value of each series of a Prometheus; none while it does not answer yet."""
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found
    return []


@contextlib.contextmanager
def _process(argv: Sequence[str], log: Path) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def ensure_programs(say: Callable[[str], None]) -> None:
    """Build both, if they are missing."""
    ensure_built((PROMETHEUS, ALERTMANAGER), say)
