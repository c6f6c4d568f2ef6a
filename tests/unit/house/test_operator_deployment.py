"""The operator's own Deployment: a slow start on a busy machine is no reason to kill it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support import quick_yaml

MANIFEST = Path(__file__).resolve().parents[3] / "manifests" / "deployment.yaml"
LONGEST_START = 120


def test_a_start_of_two_minutes_is_waited_for_before_liveness_counts() -> None:
    container = operator()
    startup, liveness = container["startupProbe"], container["livenessProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= LONGEST_START
    assert startup["httpGet"] == liveness["httpGet"]
    assert "initialDelaySeconds" not in liveness


def test_liveness_and_readiness_are_asked_apart() -> None:
    container = operator()
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["readinessProbe"]["httpGet"]["port"] == container["livenessProbe"]["httpGet"]["port"]


def operator() -> dict[str, Any]:
    objects = quick_yaml.load_all(MANIFEST.read_text())
    deployment = next(item for item in objects if item["kind"] == "Deployment")
    container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return container
