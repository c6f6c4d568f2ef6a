"""Make the command and the probes of a part's container. Pure.

The modules in the old commands do not exist since BentoML 1.2. The entrypoint.sh in every bento recognises these
commands and starts the new modules.
"""

from __future__ import annotations

import json

from e2i.kube import Object
from e2i.local.yatai.parts import Part, runner_service, runners_of

ENTRYPOINT = "./env/docker/entrypoint.sh"
SERVE = f"{ENTRYPOINT} bentoml serve . --production"
OLD_SERVERS = f"{ENTRYPOINT} python -m bentoml._internal.server.cli"
RUNNER_PORT = 3000
"""Port of a runner's Service."""


def command_of(part: Part, port: int) -> str:
    """Return the shell command of the container, which listens on `port`."""
    listen = f"--bind tcp://0.0.0.0:{port}"
    if part.runner is not None:
        return f"{OLD_SERVERS}.runner . --runner-name {part.runner} {listen} --working-dir ."
    addresses = runner_addresses(part)
    if not addresses:
        return SERVE
    runners = json.dumps(
        {name: f"tcp://{address}" for name, address in addresses.items()},
        separators=(",", ":"),
        sort_keys=True,
    )
    return f"{OLD_SERVERS}.api_server . {listen} --runner-map '{runners}' --working-dir ."


def probes_of(part: Part, port: int) -> Object:
    """Return livenessProbe and readinessProbe; those of an API server with runners check the runners too."""
    addresses = [] if part.runner is not None else list(runner_addresses(part).values())
    if not addresses:
        return {
            "livenessProbe": _get("/livez") | _pace(delay=10, timeout=20, failures=6),
            "readinessProbe": _get("/readyz") | _pace(delay=5, timeout=5, failures=12),
        }
    servers = [f"localhost:{port}", *addresses]
    return {
        "livenessProbe": _open(servers, "/healthz") | _pace(delay=5, timeout=5, failures=6),
        "readinessProbe": _open(servers, "/readyz") | _pace(delay=5, timeout=5, failures=36),
    }


def runner_addresses(part: Part) -> dict[str, str]:
    """Return host and port of each runner, by its name."""
    return {
        name: f"{runner_service(part.owner, part.bento, name)}:{RUNNER_PORT}"
        for name in runners_of(part.bento)
    }


def _get(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "http"}}


def _open(servers: list[str], path: str) -> Object:
    calls = "; ".join(f"urlopen('http://{server}{path}')" for server in servers)
    return {"exec": {"command": ["python3", "-c", f"from urllib.request import urlopen; {calls}"]}}


def _pace(*, delay: int, timeout: int, failures: int) -> Object:
    return {"initialDelaySeconds": delay, "timeoutSeconds": timeout, "failureThreshold": failures}
