"""The dashboard of `e2i stack`, where no operator's metrics are: by service, as prometheus.yml names them."""

from __future__ import annotations

from support.monitoring.panels import RATE, Board, Form, Level, Panel

from e2i.stack.monitoring import CALLERS, FAILED_SHARE, SLOW_SECONDS

UP = 'max by (service) (up{job="models"})'
NONE = f"or 0 * {UP}"
"""0 for each service that has nothing: before its first request there is no series, and of failures often none ever."""
ALERTS = 'sum by (service, alertname) (ALERTS{alertname=~"HighLatency|HighErrorRate",alertstate="firing"})'


def _rate(more: str = "") -> str:
    return f"sum by (service) (rate(bentoml_service_request_total{{{CALLERS}{more}}}{RATE}))"


def _quantile(percent: int, about: str, *bound: tuple[str, str]) -> Panel:
    buckets = f"rate(bentoml_service_request_duration_seconds_bucket{{{CALLERS}}}{RATE})"
    seconds = f"histogram_quantile({percent / 100}, sum by (service, le) ({buckets}))"
    title = f"{percent} % of requests take less than"
    return Panel(title, ((seconds, "{{service}}"), *bound), "s", about)


_FAILED = _rate(',http_response_code=~"5.."')
STACK = Board(
    "e2i-stack",
    "e2i / Stack",
    (
        Panel(
            "Services",
            ((UP, "{{service}}"),),
            about="Whether Prometheus could read each one's metrics when.",
            form=Form.STATES,
            levels=(Level(0, "red", "down"), Level(1, "green", "up")),
        ),
        Panel(
            "Alerts that fire",
            ((ALERTS, "{{service}} {{alertname}}"),),
            about="Those of rules.yaml: which fired when. docs/runbook/alerts.md has E2IHighLatency and "
            "E2IHighErrorRate, which mean the same.",
            form=Form.STATES,
            colour="red",
            empty="None fires.",
        ),
        Panel(
            "Requests",
            ((f"{_rate()} {NONE}", "{{service}}"),),
            "reqps",
            "Those of callers, without probes.",
        ),
        Panel(
            "Failed requests",
            (
                (f"{_FAILED} / ({_rate()} > 0) {NONE}", "{{service}}"),
                (f"vector({FAILED_SHARE})", "HighErrorRate fires above"),
            ),
            "percentunit",
            "Share that was answered with 5xx. The alert looks at five minutes, and fires after two more.",
        ),
        _quantile(
            95,
            "From the service's own times. The alert looks at five minutes, and fires after five more.",
            (f"vector({SLOW_SECONDS})", "HighLatency fires above"),
        ),
        Panel(
            "Requests in progress",
            ((f"sum by (service) (bentoml_service_request_in_progress{{{CALLERS}}}) {NONE}", "{{service}}"),),
            about="At the moment of each scrape.",
            is_count=True,
        ),
        _quantile(50, "From the service's own times, without the network."),
        _quantile(99, "From the service's own times, without the network."),
    ),
    stands_alone=True,
)
