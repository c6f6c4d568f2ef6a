"""A server with the metrics of a bento, as BentoML 1.4 writes them, under the address of a played pod."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RATE = 200.0
"""Requests a second that it says it answers."""


class BentoPage:
    """One pod's /metrics; so much of its requests fail, and so much are slow."""

    def __init__(self, address: str, service: str) -> None:
        self.failing = self.slow = 0.0
        self._service = service
        self._begun = time.monotonic()
        self._server = ThreadingHTTPServer((address, 3000), self._handler())

    @contextlib.contextmanager
    def running(self) -> Iterator[BentoPage]:
        """Serve it until the block ends."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def text(self) -> str:
        """Return the page."""
        count = RATE * (time.monotonic() - self._begun)
        return "".join(
            (
                self._total("/predict", "200", count * (1 - self.failing)),
                self._total("/predict", "500", count * self.failing),
                self._total("/readyz", "200", count),
                self._total("/admin.php", "404", count),
                self._bucket("0.1", count * (1 - self.slow)),
                self._bucket("0.25", count),
                self._bucket("+Inf", count),
                'e2i_input_drift_psi{feature="tenure_months",model="churn",version="1"} 0.4\n',
                'e2i_prediction_drift_psi{model="churn",version="1"} 0.1\n',
                'e2i_propensity_drift_psi{model="churn",version="1"} 0.1\n',
                'e2i_overlap_outside_ratio{model="churn",version="1"} 0.3\n',
                'e2i_overlap_outside_training_ratio{model="churn",version="1"} 0.3\n',
                f'e2i_captured_rows_total{{result="lost"}} {count * self.failing}\n',
                f'bentoml_service_request_in_progress{{endpoint="/admin.php",runner_name="{self._service}"}} 1\n',
            )
        )

    def _total(self, endpoint: str, code: str, value: float) -> str:
        labels = f'endpoint="{endpoint}",http_response_code="{code}",runner_name="{self._service}"'
        return f"bentoml_service_request_total{{{labels}}} {value}\n"

    def _bucket(self, bound: str, value: float) -> str:
        labels = f'endpoint="/predict",http_response_code="200",runner_name="{self._service}",le="{bound}"'
        return f"bentoml_service_request_duration_seconds_bucket{{{labels}}} {value}\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.end_headers()
                self.wfile.write(page.text().encode())

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler
