"""The settings of the gateway, read once from the environment.

A test compares docs/reference/gateway.md with the fields below.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2i.variables import BadSetting, Variables

OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings; each docstring begins with the environment variable."""

    address: str = "127.0.0.1:8080"
    """E2I_GATEWAY_ADDRESS: HOST:PORT where it answers; 0.0.0.0:8080 for every address of the machine."""
    metrics_address: str = ""
    """E2I_GATEWAY_METRICS_ADDRESS: HOST:PORT where /metrics is served without a key, for Prometheus; /metrics of the
    other address asks for a key if everything else does."""
    access: str = ""
    """E2I_GATEWAY_ACCESS: the file with keys and issuers of tokens, or the word open: then everybody may ask
    everything. It must be given, unless the gateway answers on this machine only."""
    endpoints: Path | None = None
    """E2I_GATEWAY_ENDPOINTS: a model_endpoints.yaml with the models; then no cluster is asked."""
    namespaces: tuple[str, ...] = ()
    """E2I_GATEWAY_NAMESPACES: the namespaces whose models it leads to, with commas between; all of them if empty."""
    timeout: float = 60.0
    """E2I_GATEWAY_TIMEOUT_SECONDS: seconds that a model may take for an answer; a request may ask for less."""
    most_body: int = 10 << 20
    """E2I_GATEWAY_MAX_BODY_BYTES: a request with a larger body is refused with 413."""
    most_requests: int = 256
    """E2I_GATEWAY_MAX_REQUESTS: requests to one model at the same time; more are refused with 503, so that a model that
    hangs costs the others nothing."""
    drain: float = 5.0
    """E2I_GATEWAY_DRAIN_SECONDS: seconds after SIGTERM in which it is not ready and still takes requests: as long as
    the cluster needs to send them elsewhere."""
    log_level: str = "INFO"
    """E2I_GATEWAY_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR."""
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """E2I_GATEWAY_SERVICE_ACCOUNT_DIR: where the pod's service account is mounted."""

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def access_file(self) -> Path:
        return Path(self.access).resolve()

    @property
    def is_open(self) -> bool:
        return self.access in ("", OPEN)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; BadSetting names the first variable with a value that cannot be used."""
    given, defaults = Variables(environment), Settings()
    settings = Settings(
        address=given.address("E2I_GATEWAY_ADDRESS", defaults.address),
        metrics_address=given.address("E2I_GATEWAY_METRICS_ADDRESS"),
        access=given.text("E2I_GATEWAY_ACCESS"),
        endpoints=_file(given, "E2I_GATEWAY_ENDPOINTS"),
        namespaces=given.namespaces("E2I_GATEWAY_NAMESPACES"),
        timeout=given.seconds("E2I_GATEWAY_TIMEOUT_SECONDS", defaults.timeout, least=0.1),
        most_body=given.count("E2I_GATEWAY_MAX_BODY_BYTES", defaults.most_body, 1 << 31),
        most_requests=given.count("E2I_GATEWAY_MAX_REQUESTS", defaults.most_requests, 100_000),
        drain=given.seconds("E2I_GATEWAY_DRAIN_SECONDS", defaults.drain, least=0),
        log_level=given.log_level("E2I_GATEWAY_LOG_LEVEL", defaults.log_level),
        service_account=_file(given, "E2I_GATEWAY_SERVICE_ACCOUNT_DIR") or defaults.service_account,
    )
    if not settings.access and not _is_local(settings.host):
        raise BadSetting(
            f"E2I_GATEWAY_ACCESS is not set, and E2I_GATEWAY_ADDRESS={settings.address} can be reached by others: name "
            "a file with keys (e2i gateway key NAME makes one), or write open to let everybody ask everything"
        )
    return settings


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _file(given: Variables, name: str) -> Path | None:
    path = given.text(name)
    return Path(path).resolve() if path else None
