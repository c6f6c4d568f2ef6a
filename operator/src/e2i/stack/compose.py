"""The files of the stack: docker-compose.yaml, and what Prometheus, Grafana and clients read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2i.api import quantities
from e2i.local.prometheus_process import configuration
from e2i.stack.description import Service, Size, Stack
from e2i.stack.layout import SERVES_ON
from e2i.stack.monitoring import DATA_SOURCE, PROVIDER, PROVISIONING, RULES

MADE = "# Made of stack.yaml by `e2i stack compose`: change that file, and run the command again.\n"
PROJECT = "e2i"
"""Name of the compose project; volumes and containers begin with it."""
BENTOML_USER = "1034:1034"
"""User and group that BentoML makes in the images of bentos."""

BUILT = "build"
"""Folder with the bentos, one for each service, beside docker-compose.yaml."""
IS_READY = (
    "import urllib.request as request; "
    f"request.urlopen('http://127.0.0.1:{SERVES_ON}/readyz', timeout=5).read()"
)
"""The images have Python, and no curl."""
Object = dict[str, Any]


def files(stack: Stack) -> dict[str, Object]:
    """Return the content of all files, by their path beside the description."""
    return {
        "docker-compose.yaml": compose_file(stack),
        "prometheus.yml": prometheus_file({name: f"{name}:{SERVES_ON}" for name in stack.services}, stack),
        "rules.yaml": RULES,
        "model_endpoints.yaml": {"models": stack.models},
        "grafana/datasources/prometheus.yaml": DATA_SOURCE,
        "grafana/dashboards/provider.yaml": PROVIDER,
    }


def compose_file(stack: Stack) -> Object:
    """Return the content of docker-compose.yaml."""
    services = {name: _service(name, service, stack) for name, service in stack.services.items()}
    return {
        "name": PROJECT,
        "services": services | {"prometheus": _prometheus(stack), "grafana": _grafana(stack)},
        "volumes": {"prometheus-data": {}, "grafana-data": {}},
    }


def prometheus_file(targets: Mapping[str, str], stack: Stack) -> Object:
    """Return Prometheus' configuration. `targets`: HOST:PORT of each service, which becomes the label `service`."""
    scraped = [
        {"targets": [targets[name]], "labels": {"service": name, "bento": stack.tag(service)}}
        for name, service in stack.services.items()
    ]
    models = {"job_name": "models", "static_configs": scraped}
    return configuration([models], ["rules.yaml"], every="15s")


def _service(name: str, service: Service, stack: Stack) -> Object:
    return _hardened(
        {
            "container_name": f"{PROJECT}-{name}",
            "image": f"{PROJECT}/{name}:{stack.version}",
            "build": {"context": f"./{BUILT}/{name}", "dockerfile": "env/docker/Dockerfile"},
            "user": BENTOML_USER,
            "ports": [f"127.0.0.1:{service.port}:{SERVES_ON}"],
            "environment": {"BENTOML_DO_NOT_TRACK": "True"},
            "tmpfs": ["/tmp"],  # noqa: S108 - inside the container
            "healthcheck": {
                "test": ["CMD", "python", "-c", IS_READY],
                "interval": "30s",
                "timeout": "10s",
                "retries": 3,
                "start_period": f"{service.start_period}s",
            },
            "deploy": {
                "resources": {"limits": _size(service.limits), "reservations": _size(service.reserved)}
            },
        }
    )


def _prometheus(stack: Stack) -> Object:
    return _hardened(
        {
            "container_name": f"{PROJECT}-prometheus",
            "image": stack.prometheus.image,
            "command": [
                "--config.file=/etc/prometheus/prometheus.yml",
                "--storage.tsdb.path=/prometheus",
                "--storage.tsdb.retention.time=30d",
            ],
            "user": "65534:65534",
            "ports": [f"127.0.0.1:{stack.prometheus.port}:9090"],
            "volumes": [
                "./prometheus.yml:/etc/prometheus/prometheus.yml:ro",
                "./rules.yaml:/etc/prometheus/rules.yaml:ro",
                "prometheus-data:/prometheus",
            ],
            "healthcheck": _asks("http://127.0.0.1:9090/-/ready"),
        }
    )


def _grafana(stack: Stack) -> Object:
    return _hardened(
        {
            "container_name": f"{PROJECT}-grafana",
            "image": stack.grafana.image,
            "user": "472:0",
            "ports": [f"127.0.0.1:{stack.grafana.port}:3000"],
            "environment": {"GF_ANALYTICS_REPORTING_ENABLED": "false"},
            "volumes": [
                f"./grafana:{PROVISIONING}:ro",
                "grafana-data:/var/lib/grafana",
            ],
            "depends_on": {"prometheus": {"condition": "service_started"}},
            "healthcheck": _asks("http://127.0.0.1:3000/api/health"),
        }
    )


def _hardened(service: Object) -> Object:
    return service | {
        "restart": "unless-stopped",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _asks(url: str) -> Object:
    """Return a health check by wget, which the images of Prometheus and Grafana have."""
    return {
        "test": ["CMD", "wget", "-q", "-O", "/dev/null", url],
        "interval": "30s",
        "timeout": "10s",
        "retries": 3,
    }


def _size(size: Size) -> Object:
    """Return the size as Compose writes it: cores as a number in quotes, memory in MiB."""
    mebibytes = quantities.value(size.memory) / 2**20
    return {"cpus": f"{quantities.value(size.cpu).normalize():f}", "memory": f"{mebibytes:.0f}m"}
