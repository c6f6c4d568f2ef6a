"""The dashboards, as tables of panels with the queries of each."""

from __future__ import annotations

from dataclasses import dataclass

from support.monitoring.recording import QUANTILES

CHOSEN = 'namespace=~"$namespace",model=~"$model"'


@dataclass(frozen=True)
class Panel:
    """One panel: its title, its queries with the legend of each, and the unit of its values."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    is_number: bool = False
    """The present value as a number in place of a curve. Grafana shows the last one that there was: none is no 0."""


@dataclass(frozen=True)
class Board:
    """One dashboard. `uid` is part of its address, so it stays."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


def _one(title: str, query: str, unit: str = "short", legend: str = "", *, number: bool = False) -> Panel:
    return Panel(title, ((query, legend),), unit, number)


def _over_windows(kind: str) -> tuple[tuple[str, str], ...]:
    share = f"model:e2i_request_{kind}:ratio_rate"
    return tuple((f"{share}{window}{{{CHOSEN}}}", f"{_OF} {window}") for window in ("5m", "1h", "6h", "3d"))


def _quantiles() -> tuple[tuple[str, str], ...]:
    seconds = "release:e2i_request_seconds:"
    return tuple((f"{seconds}{each}_rate5m{{{CHOSEN}}}", f"{_RELEASE} {each}") for each in QUANTILES)


_OF = "{{namespace}}/{{model}}"
_RELEASE = "{{release}}"

OVERVIEW = Board(
    "e2i-overview",
    "e2i / Overview",
    (
        _one("Models that are Ready", 'sum(e2i_models{ready="True"}) or vector(0)', number=True),
        _one("Models that are not", 'sum(e2i_models{ready!="True"}) or vector(0)', number=True),
        _one("Models by reason", "sum by (reason) (e2i_models)", legend="{{reason}}"),
        _one("Requests", f"sum by (namespace, model) (model:e2i_requests:rate5m{{{CHOSEN}}})", "reqps", _OF),
        _one("Failed requests", f"model:e2i_request_errors:ratio_rate5m{{{CHOSEN}}}", "percentunit", _OF),
        _one(
            "95 % of requests take less than", f"model:e2i_request_seconds:p95_rate5m{{{CHOSEN}}}", "s", _OF
        ),
        _one(
            "Alerts that fire",
            'sum by (alertname) (ALERTS{alertname=~"E2I.*",alertstate="firing"})',
            legend="{{alertname}}",
        ),
        _one("Pods", f"max by (namespace, model) (e2i_model_ready_replicas{{{CHOSEN}}})", legend=_OF),
    ),
)

SLO = Board(
    "e2i-slo",
    "e2i / Objectives",
    (
        _one(
            "Budget of errors left, 30 days",
            f"model:e2i_errors_budget_left:ratio30d{{{CHOSEN}}}",
            "percentunit",
            _OF,
            number=True,
        ),
        _one(
            "Budget of slow requests left, 30 days",
            f"model:e2i_slow_budget_left:ratio30d{{{CHOSEN}}}",
            "percentunit",
            _OF,
            number=True,
        ),
        Panel("Failed requests", _over_windows("errors"), "percentunit"),
        Panel("Slow requests (over 100 ms)", _over_windows("slow"), "percentunit"),
    ),
)

MODEL = Board(
    "e2i-model",
    "e2i / Model",
    (
        _one("Requests by release", f"release:e2i_requests:rate5m{{{CHOSEN}}}", "reqps", _RELEASE),
        _one("Requests by bento", f"bento:e2i_requests:rate5m{{{CHOSEN}}}", "reqps", "{{tag}}"),
        _one(
            "Failed requests by release",
            f"release:e2i_request_errors:ratio_rate5m{{{CHOSEN}}}",
            "percentunit",
            _RELEASE,
        ),
        _one(
            "Slow requests by release",
            f"release:e2i_request_slow:ratio_rate5m{{{CHOSEN}}}",
            "percentunit",
            _RELEASE,
        ),
        Panel("Time of a request", _quantiles(), "s"),
        Panel(
            "Pods",
            (
                (f"e2i_model_replicas{{{CHOSEN}}}", "there"),
                (f"e2i_model_ready_replicas{{{CHOSEN}}}", "ready"),
            ),
        ),
        _one("Ready", f"e2i_model_ready{{{CHOSEN}}}", legend="{{reason}}"),
    ),
)

RELEASES = Board(
    "e2i-releases",
    "e2i / Releases",
    (
        _one(
            "Releases by what became of them",
            "sum by (result) (increase(e2i_releases_total[1h]))",
            legend="{{result}}",
        ),
        _one(
            "Releases in quarantine",
            f"e2i_model_quarantined{{{CHOSEN}}}",
            legend="{{model}} {{release}} {{reason}}",
        ),
        _one(
            "From a change to the address, 95 %",
            "histogram_quantile(0.95, sum by (le) (rate(e2i_release_lead_seconds_bucket[1h])))",
            "s",
        ),
        _one(
            "Serving releases",
            f'e2i_release_info{{{CHOSEN},role="serving"}}',
            legend="{{model}} {{release}} {{tag}}",
        ),
        _one("Exports", "sum by (result) (increase(e2i_exports_total[1h]))", legend="{{result}}"),
        _one("Bytes uploaded", "sum(rate(e2i_export_bytes_total[5m]))", "Bps"),
        _one("Images", "max by (state) (e2i_builds)", legend="{{state}}"),
        _one("Verifications", "sum by (result) (increase(e2i_verifications_total[1h]))", legend="{{result}}"),
    ),
)

OPERATOR = Board(
    "e2i-operator",
    "e2i / Operator",
    (
        _one(
            "Active operators",
            "sum(leader_election_master_status and on (instance) e2i_build_info) or vector(0)",
            number=True,
        ),
        _one(
            "Passes",
            'sum by (result) (rate(controller_runtime_reconcile_total{controller="e2imodel"}[5m]))',
            "ops",
            "{{result}}",
        ),
        _one(
            "95 % of passes take less than",
            "histogram_quantile(0.95, sum by (le) "
            '(rate(controller_runtime_reconcile_time_seconds_bucket{controller="e2imodel"}[5m])))',
            "s",
        ),
        _one("Models that wait", 'max(workqueue_depth{name="e2imodel"})'),
        _one(
            "Requests to the API server",
            "sum by (method, code) (rate(rest_client_requests_total[5m]))",
            "reqps",
            "{{method}} {{code}}",
        ),
        _one(
            "Requests to S3",
            "sum by (operation, code) (rate(e2i_s3_requests_total[5m]))",
            "reqps",
            "{{operation}} {{code}}",
        ),
        _one("Age of watches", "max by (kind) (e2i_watch_age_seconds)", "s", "{{kind}}"),
        _one(
            "Memory",
            "process_resident_memory_bytes and on (instance) e2i_build_info",
            "bytes",
            "{{instance}}",
        ),
        _one(
            "CPU",
            "rate(process_cpu_seconds_total[5m]) and on (instance) e2i_build_info",
            "percentunit",
            "{{instance}}",
        ),
    ),
)

_ANSWERS = 'rate(e2i_gateway_requests_total{model!=""}[5m])'
_FAILED = 'rate(e2i_gateway_requests_total{model!="",code=~"5.."}[5m])'
GATEWAY = Board(
    "e2i-gateway",
    "e2i / Gateway",
    (
        _one("Requests by model", f"sum by (model) ({_ANSWERS})", "reqps", "{{model}}"),
        _one(
            "Answers by status", "sum by (code) (rate(e2i_gateway_requests_total[5m]))", "reqps", "{{code}}"
        ),
        _one(
            "Failed answers",
            f"sum by (model) ({_FAILED}) / sum by (model) ({_ANSWERS})",
            "percentunit",
            "{{model}}",
        ),
        _one(
            "95 % of requests take less than",
            "histogram_quantile(0.95, sum by (model, le) "
            '(rate(e2i_gateway_request_duration_seconds_bucket{model!=""}[5m])))',
            "s",
            "{{model}}",
        ),
        _one(
            "Refused by the gateway itself",
            "sum by (reason) (rate(e2i_gateway_refused_total[5m]))",
            "reqps",
            "{{reason}}",
        ),
        _one(
            "Circuits: 0 closed, 1 half open, 2 open",
            "max by (model) (e2i_gateway_circuit_state)",
            legend="{{model}}",
        ),
        _one("Models by state", "max by (state) (e2i_gateway_models)", legend="{{state}}"),
    ),
)

BOARDS = (OVERVIEW, SLO, MODEL, RELEASES, OPERATOR, GATEWAY)
