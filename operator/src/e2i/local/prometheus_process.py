"""Prometheus as a process of this machine: its command, its configuration, and what it scrapes. Pure.

The cluster's own one, that of `e2i stack` and those of tests are made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Body = dict[str, Any]
CONFIGURATION = "prometheus.yml"
_META = "__meta_kubernetes_"
# Pods of a local cluster are 10.x.y.z in the API, and 127.x.y.z on the machine.
_ON_THIS_MACHINE = {
    "source_labels": ["__address__"],
    "regex": r"10\.(.*)",
    "target_label": "__address__",
    "replacement": "127.$1",
}


def command(program: Path, folder: Path, address: str, *flags: str) -> tuple[str, ...]:
    """Return the command of a Prometheus whose configuration and data are in `folder`; it answers on HOST:PORT."""
    return (
        str(program),
        f"--config.file={folder / CONFIGURATION}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        *flags,
    )


def configuration(
    scrapes: Sequence[Body], rules: Sequence[str], *, every: str, alertmanagers: Sequence[str] = ()
) -> Body:
    """Return its configuration. `every`: between two scrapes and two evaluations. `alertmanagers`: HOST:PORT each."""
    made: Body = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": list(rules),
        "scrape_configs": list(scrapes),
    }
    if alertmanagers:
        made["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]}
    return made


def scrape_of(monitor: Mapping[str, Any], kubeconfig: Path) -> Body:
    """Return the scrape that the Prometheus operator makes of one of our PodMonitors, or of our ServiceMonitor.

    As far as ours have such fields. That of a Service finds its pods by the Service's labels, which they have too.
    """
    spec, namespace = monitor["spec"], monitor["metadata"]["namespace"]
    (endpoint,) = spec.get("podMetricsEndpoints") or spec["endpoints"]
    found: Body = {"role": "pod", "kubeconfig_file": str(kubeconfig)}
    if not spec.get("namespaceSelector", {}).get("any"):
        found["namespaces"] = {"names": [namespace]}
    return {
        "job_name": monitor["metadata"]["name"],
        "honor_labels": endpoint.get("honorLabels", False),
        "kubernetes_sd_configs": [found],
        "relabel_configs": [
            {"source_labels": [f"{_META}pod_phase"], "regex": "(Failed|Succeeded)", "action": "drop"},
            *_selected(spec["selector"]),
            _kept("pod_container_port_name", endpoint["port"]),
            {"source_labels": [f"{_META}namespace"], "target_label": "namespace"},
            {"source_labels": [f"{_META}pod_name"], "target_label": "pod"},
            *map(_config_form, endpoint.get("relabelings", ())),
            _ON_THIS_MACHINE,
        ],
        "metric_relabel_configs": [*map(_config_form, endpoint.get("metricRelabelings", ()))],
    }


def _selected(selector: Mapping[str, Any]) -> Iterator[Body]:
    for label, value in selector.get("matchLabels", {}).items():
        yield _kept(f"pod_label_{_written(label)}", value)
    for each in selector.get("matchExpressions", ()):
        yield _kept(f"pod_labelpresent_{_written(each['key'])}", "true")


def _kept(meta: str, value: str) -> Body:
    return {"source_labels": [f"{_META}{meta}"], "regex": value, "action": "keep"}


def _written(label: str) -> str:
    """serving.e2i.dev/release -> serving_e2i_dev_release"""
    return re.sub(r"\W", "_", label)


def _config_form(relabeling: Mapping[str, Any]) -> Body:
    """{sourceLabels: ...} -> {source_labels: ...}"""
    return {
        re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name): value
        for name, value in relabeling.items()
    }
