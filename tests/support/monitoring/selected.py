"""The metrics that the rules select, and which live test has them: together the tests have all."""

from __future__ import annotations

import re

from support.monitoring import rules
from support.prometheus import Prometheus

OF_THE_GATEWAY = {"e2i_gateway_circuit_state", "e2i_gateway_refused_total"}
OF_CAUSES = {
    "e2i_action_failures_total",
    "e2i_model_canary_step_timestamp_seconds",
    "e2i_model_max_replicas",
    "e2i_model_oom_killed_timestamp_seconds",
    "e2i_model_probe_success",
    "e2i_model_rolled_back_timestamp_seconds",
}
"""Those that only a refused write, a canary, an autoscaler, an end for memory, a probe and a rollback have."""


def selected() -> set[str]:
    """Return the names of all metrics in the rules."""
    names = set[str]()
    for group in rules.groups()["groups"]:
        for rule in group["rules"]:
            # Label names in `by (...)` and strings are no metrics.
            text = re.sub(r'"[^"]*"|\b(?:by|on|group_left) \([^)]*\)', "", rule["expr"])
            names |= set(re.findall(r"\b(?:e2i|controller|workqueue|leader|bentoml)_\w+|\w+:\w+:\w+", text))
    return names


def every_series_is_there(prometheus: Prometheus, names: set[str]) -> None:
    """Wait until each metric has a series."""
    for name in sorted(names):
        prometheus.wait(f"count(last_over_time({name}[5m]))")
