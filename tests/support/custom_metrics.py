"""prometheus-adapter beside the local cluster: it gives autoscalers the custom metrics of a Prometheus."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from support.s3 import free_port

from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome
from e2i.local.toolchain import Module, ensure_built, program_of

PROJECT = Path(__file__).resolve().parents[2]
ADAPTER = Module("prometheusadapter", ".", beside=PROJECT / "tests" / "e2e")
NAMESPACE, NAME = "kube-system", "prometheus-adapter"
APIS = (
    ("custom.metrics.k8s.io", "v1beta2"),
    ("custom.metrics.k8s.io", "v1beta1"),
    ("external.metrics.k8s.io", "v1beta1"),
)


@contextlib.contextmanager
def custom_metrics(
    home: ClusterHome, prometheus: str, rules: str, folder: Path, say: Callable[[str], None]
) -> Iterator[None]:
    """Run the adapter with these rules, and have the API server ask it, while the block lasts."""
    ensure_built((ADAPTER,), say)
    port, config = free_port(), folder / "adapter.yaml"
    config.write_text(rules)
    access = (
        f"--{use}-kubeconfig={home.kubeconfig}" for use in ("lister", "authentication", "authorization")
    )
    argv = [
        str(program_of(ADAPTER)),
        *access,
        f"--prometheus-url=http://{prometheus}",
        f"--config={config}",
        "--metrics-relist-interval=2s",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'adapter'}",
    ]
    with (folder / "adapter.log").open("ab") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": _apis(port)})
    try:
        kubectl(home, "apply", "--server-side", "--filename=-", given=listed)
        yield
    finally:
        # Without them first: an API that nobody answers keeps namespaces from being deleted.
        kubectl(home, "delete", "--ignore-not-found", "--filename=-", given=listed)
        process.terminate()
        process.wait(timeout=60)


def _apis(port: int) -> list[dict[str, Any]]:
    """As those of the local cluster's metrics-server: a Service that has a name in place of pods."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    return [service, *(_api(group, version, port) for group, version in APIS)]


def _api(group: str, version: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}"},
        "spec": {
            "group": group,
            "version": version,
            "service": {"name": NAME, "namespace": NAMESPACE, "port": port},
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 200 if version == "v1beta2" else 100,
        },
    }
