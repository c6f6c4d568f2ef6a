"""The file of rules, and the PrometheusRule that wraps it."""

from __future__ import annotations

from typing import Any

import yaml
from support.monitoring.alerts import RUNBOOK, Alert, alerts
from support.monitoring.recording import recording_rules
from support.monitoring.windows import shortened

MADE = "# Made of the tables in tests/support/monitoring by tests/support/reference.py --write; edit those.\n"
EVERY = "@30s"
"""Between two evaluations."""


def groups(shorten: int = 1) -> dict[str, Any]:
    """Return all rules; with `shorten`, with every duration divided by it."""
    recorded = [dict(rule, expr=shortened(rule["expr"], shorten)) for rule in recording_rules()]
    interval = shortened(EVERY, shorten)
    told = [_alert(alert, shorten) for alert in alerts()]
    return {
        "groups": [
            {"name": "e2i-requests", "interval": interval, "rules": recorded},
            {"name": "e2i-alerts", "interval": interval, "rules": told},
        ]
    }


def _alert(alert: Alert, shorten: int) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": shortened(alert.expr, shorten),
        **({"for": shortened(alert.hold, shorten)} if alert.hold else {}),
        "labels": {"severity": alert.severity, **dict(alert.labels)},
        "annotations": {"summary": alert.summary, "runbook_url": f"{RUNBOOK}#{alert.anchor}"},
    }


def rules_text() -> str:
    """Return the file for `rule_files` of a Prometheus."""
    return MADE + _dump(groups())


def prometheus_rule_text() -> str:
    """Return the object for the Prometheus operator."""
    body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "e2i-operator",
            "namespace": "e2i-system",
            "labels": {"app.kubernetes.io/name": "e2i-operator", "app.kubernetes.io/part-of": "e2i"},
        },
        "spec": groups(),
    }
    return MADE + _dump(body)


def _dump(body: dict[str, Any]) -> str:
    return yaml.safe_dump(body, sort_keys=False, width=200)
