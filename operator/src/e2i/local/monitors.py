"""Prometheus and Alertmanager beside a local cluster, with the rules and monitors of the checkout."""

from __future__ import annotations

from pathlib import Path

import yaml

import e2i
from e2i.local import alertmanager_process, prometheus_process, supervision, toolchain
from e2i.local.component import Component
from e2i.local.errors import ClusterError
from e2i.local.layout import ClusterHome
from e2i.local.readiness import Endpoint
from e2i.local.supervision import Say
from e2i.local.toolchain import program_of

MANIFESTS = Path(e2i.__file__).resolve().parents[3] / "manifests" / "monitoring"
"""The monitors and rules in the checkout that this package was installed from."""
MONITORS = ("servicemonitor.yaml", "podmonitor.yaml", "gateway-podmonitor.yaml")
PROMETHEUS, ALERTMANAGER = "prometheus", "alertmanager"
"""The processes, beside the components of the cluster."""
GATEWAY = "127.0.0.1:8080"
"""Where `e2i gateway` answers if nothing else is said: on this machine it is no pod that a monitor finds."""
EVERY = "5s"
"""Between two scrapes, so that a curve begins soon."""


def start(home: ClusterHome, say: Say, *, webhook: str = "", manifests: Path = MANIFESTS) -> None:
    """Start both, or let those that run read their configuration again. `webhook`: the address that gets the alerts."""
    if not (manifests / "rules.yaml").exists():
        raise ClusterError(
            f"The monitors and rules are not in {manifests}. Run the command of a checkout, or leave out --monitoring."
        )
    for component in (_alertmanager(home, webhook), _prometheus(home, manifests)):
        supervision.wait_until_ready(home, supervision.launch_or_reread(home, component), say)


def addresses(home: ClusterHome) -> dict[str, str]:
    """Return the address of each that was started and not stopped since, by its name for people."""
    ports = {PROMETHEUS: home.ports.prometheus, ALERTMANAGER: home.ports.alertmanager}
    return {
        name.capitalize(): f"http://127.0.0.1:{port}"
        for name, port in ports.items()
        if supervision.was_started(home, name)
    }


def _prometheus(home: ClusterHome, manifests: Path) -> Component:
    kubeconfig, port = home.kubeconfig_of("admin"), home.ports.prometheus
    monitors = [yaml.safe_load((manifests / name).read_text()) for name in MONITORS]
    gateway = {"job_name": "gateway-of-this-machine", "static_configs": [{"targets": [GATEWAY]}]}
    body = prometheus_process.configuration(
        [gateway, *(prometheus_process.scrape_of(monitor, kubeconfig) for monitor in monitors)],
        [str(manifests / "rules.yaml")],
        every=EVERY,
        alertmanagers=[f"127.0.0.1:{home.ports.alertmanager}"],
    )
    folder = _written(home.root / PROMETHEUS, prometheus_process.CONFIGURATION, body)
    argv = prometheus_process.command(program_of(toolchain.PROMETHEUS), folder, f"127.0.0.1:{port}")
    return Component(PROMETHEUS, argv, (port,), Endpoint(port, "/-/ready"))


def _alertmanager(home: ClusterHome, webhook: str) -> Component:
    port = home.ports.alertmanager
    body = alertmanager_process.configuration(webhook, wait="5s", again="1m")
    folder = _written(home.root / ALERTMANAGER, alertmanager_process.CONFIGURATION, body)
    argv = alertmanager_process.command(program_of(toolchain.ALERTMANAGER), folder, f"127.0.0.1:{port}")
    return Component(ALERTMANAGER, argv, (port,), Endpoint(port, "/-/ready"))


def _written(folder: Path, name: str, body: dict[str, object]) -> Path:
    """Write a configuration, and return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(body, sort_keys=False))
    return folder
