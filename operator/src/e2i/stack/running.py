"""The stack on the local cluster: its models are applied, and its ports are opened."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from e2i.local import ports, supervision, toolchain
from e2i.local.component import Component
from e2i.local.kubectl import apply_all, kubectl
from e2i.local.layout import ClusterHome
from e2i.local.prometheus_process import CONFIGURATION, command
from e2i.local.readiness import Endpoint
from e2i.local.toolchain import program_of
from e2i.polling import poll
from e2i.stack.bento_builds import Builder
from e2i.stack.compose import prometheus_file
from e2i.stack.description import Service, Stack
from e2i.stack.errors import StackError
from e2i.stack.layout import NAMESPACE, PORTS, PROMETHEUS
from e2i.stack.monitoring import RULES

Say = Callable[[str], None]
READY_WITHIN = 900
"""Seconds until all models are Ready: a slow network may have to bring their packages."""
OPEN_WITHIN = 60.0
"""Seconds until the ports are open."""
CPU_REQUEST = "100m"
"""Each service asks for so little here, because a laptop's cores also run the control plane; its limits hold."""


def start(home: ClusterHome, stack: Stack, description: Path, builder: Builder, say: Say) -> None:
    """Apply the models, wait until they are Ready, and open the ports; StackError if a model fails."""
    models = [_model(name, service, stack, builder) for name, service in stack.services.items()]
    apply_all(home, [], models)
    for name in stack.services:
        _wait_until_ready(home, name, say)
    _open(home, _ports(home, stack, description), say)
    supervision.wait_until_ready(home, supervision.launch_or_reread(home, _prometheus(home, stack)), say)


def stop(home: ClusterHome, stack: Stack, say: Say) -> None:
    """Close the ports and delete the models; their bentos stay in the store."""
    for name in (PROMETHEUS, PORTS):
        supervision.stop(home, name, say)
    names = [f"e2imodel/{name}" for name in stack.services]
    kubectl(home, "delete", "--namespace", NAMESPACE, "--ignore-not-found", *names)
    say(f"deleted {', '.join(names)}")


def _open(home: ClusterHome, component: Component, say: Say) -> None:
    """Start the process of the ports. It is ready when they are open: it has no endpoint that says so."""
    launched = supervision.launch(home, component)

    def is_open() -> bool:
        return not launched.process.alive or not any(ports.is_free(port) for port in component.ports)

    poll(is_open, within=OPEN_WITHIN, every=0.1)
    supervision.wait_until_ready(home, launched, say)


def _ports(home: ClusterHome, stack: Stack, description: Path) -> Component:
    """Return the process that opens the ports of the services, and serves the page on Grafana's port."""
    command = (sys.executable, "-P", "-m", "e2i.stack", f"--home={home.root}", f"--stack={description}")
    ports = (*(service.port for service in stack.services.values()), stack.grafana.port)
    return Component(PORTS, command, ports)


def _prometheus(home: ClusterHome, stack: Stack) -> Component:
    """Write Prometheus' configuration, and return its process."""
    folder = home.root / PROMETHEUS
    folder.mkdir(exist_ok=True)
    targets = {name: f"127.0.0.1:{service.port}" for name, service in stack.services.items()}
    (folder / CONFIGURATION).write_text(yaml.safe_dump(prometheus_file(targets, stack)))
    (folder / "rules.yaml").write_text(yaml.safe_dump(RULES))
    port = stack.prometheus.port
    program, retention = program_of(toolchain.PROMETHEUS), "--storage.tsdb.retention.time=30d"
    argv = command(program, folder, f"127.0.0.1:{port}", retention)
    return Component(PROMETHEUS, argv, (port,), Endpoint(port, "/-/ready"))


def _model(name: str, service: Service, stack: Stack, builder: Builder) -> dict[str, object]:
    """Return the E2IModel that `e2i manifest` writes, with the sizes of the description."""
    model: dict[str, dict[str, object]] = yaml.safe_load(
        builder.manifest(name, stack.tag(service), NAMESPACE)
    )
    model["spec"]["resources"] = {
        "requests": {"cpu": CPU_REQUEST, "memory": service.reserved.memory},
        "limits": {"cpu": service.limits.cpu, "memory": service.limits.memory},
    }
    return dict(model)


def _wait_until_ready(home: ClusterHome, name: str, say: Say) -> None:
    say(f"waiting for {name}")
    target = ("--namespace", NAMESPACE, f"e2imodel/{name}")
    kubectl(home, "wait", "--for=condition=Ready", f"--timeout={READY_WITHIN}s", *target)
    status = json.loads(kubectl(home, "get", *target, "--output=json"))["status"]
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    if ready["status"] != "True":
        raise StackError(f"{name} is not ready: {ready['message']}")
    say(f"{name} is Ready")
