"""Monitoring of the stack, as Prometheus and Grafana read it: alerts, data source, dashboards. Pure."""

from __future__ import annotations

from typing import Any

SLOW_SECONDS = 0.1
"""HighLatency fires when the p95 of a service is above it."""
FAILED_SHARE = 0.01
"""HighErrorRate fires when a larger share of a service's answers fails."""
PROVISIONING = "/etc/grafana/provisioning"
"""Where Grafana reads data sources and dashboards; the folder `grafana` of the stack is mounted there."""

CALLERS = 'endpoint!~"(.*/)?(livez|readyz|healthz|metrics)"'
"""Requests of callers: probes are counted too, quick and without errors, and would hide those of few callers."""
_REQUESTS = "bentoml_service_request_total"
_BUCKETS = "bentoml_service_request_duration_seconds_bucket"
RULES: dict[str, Any] = {
    "groups": [
        {
            "name": "bentoml",
            "rules": [
                {
                    "alert": "HighLatency",
                    "expr": f"histogram_quantile(0.95, sum by (service, le) (rate({_BUCKETS}{{{CALLERS}}}[5m]))) "
                    f"> {SLOW_SECONDS}",
                    "for": "5m",
                    "labels": {"severity": "warning"},
                    "annotations": {
                        "summary": "The p95 of {{ $labels.service }} is {{ $value | humanizeDuration }}"
                    },
                },
                {
                    "alert": "HighErrorRate",
                    "expr": f'sum by (service) (rate({_REQUESTS}{{{CALLERS},http_response_code=~"5.."}}[5m])) '
                    f"/ sum by (service) (rate({_REQUESTS}{{{CALLERS}}}[5m])) > {FAILED_SHARE}",
                    "for": "2m",
                    "labels": {"severity": "critical"},
                    "annotations": {
                        "summary": "{{ $value | humanizePercentage }} of the answers of {{ $labels.service }} fail"
                    },
                },
            ],
        }
    ]
}
"""The two rules of the runbook, with today's names of BentoML's metrics, and without probes."""

DATA_SOURCE: dict[str, Any] = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Prometheus",
            "uid": "prometheus",
            "type": "prometheus",
            "url": "http://prometheus:9090",
            "isDefault": True,
        }
    ],
}
PROVIDER: dict[str, Any] = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "e2i",
            "type": "file",
            "disableDeletion": True,
            "allowUiUpdates": False,
            "options": {"path": f"{PROVISIONING}/dashboards"},
        }
    ],
}
"""Grafana loads the dashboards of the folder that this file lies in itself."""
