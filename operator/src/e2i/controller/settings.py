"""The settings of the operator, read once from the environment.

A test compares docs/reference/settings.md with the fields below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from e2i.archive.s3.settings import BadSetting, read_bucket, read_truth
from e2i.archive.size_limits import SizeLimits
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.retraining import parse_template

_HOST = re.compile(r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?(?::[0-9]{1,5})?", re.ASCII)
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_MOST_NAMESPACES = 50
"""Each has a watch for each kind."""
_MOST_BYTES = 1 << 50


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings; each docstring begins with the environment variable."""

    bucket: str
    """E2I_BUCKET: the bucket for exported bentos and records of releases. No default; - for none: then only models
    with spec.bento.image are released, and no record outlives the cluster."""
    prefix: str = ""
    """E2I_BUCKET_PREFIX: prefix of every key in a shared bucket; each cluster needs its own."""
    store: Path = Path("/var/lib/e2i/bentoml")
    """E2I_BENTO_STORE: the BentoML home that holds bentos and models."""
    endpoint: str = ""
    """AWS_ENDPOINT_URL: the S3 server, for the operator and the image builder; empty means AWS."""
    region: str = "us-east-1"
    """AWS_REGION: the region of the bucket, for the operator and the image builder."""
    download_secret: str = "e2i-bento-download"  # noqa: S105 - the name of a Secret, not one
    """E2I_DOWNLOAD_SECRET: Secret in each model's namespace with which the image builder reads the bucket."""
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """E2I_SERVICE_ACCOUNT_DIR: where the pod's service account is mounted."""
    share_archives: bool = False
    """E2I_SHARE_ARCHIVES: true keeps one archive for all namespaces, and lets each serve those of the others; false
    gives each namespace its own folder in the bucket."""
    namespaces: tuple[str, ...] = ()
    """E2I_NAMESPACES: the namespaces whose models it operates, with commas between; all of them if empty."""
    workers: int = 8
    """E2I_WORKERS: models reconciled at the same time."""
    largest_bento: int = 64 << 30
    """E2I_MAX_BENTO_BYTES: a bento or an archive with more bytes is refused."""
    largest_bento_of: Mapping[str, int] = field(default_factory=dict)
    """E2I_MAX_BENTO_BYTES_OF: other limits for single namespaces, for instance risk=2000000000,churn=500000000."""
    tag_registries: Mapping[str, str] = field(default_factory=dict)
    """E2I_TAG_REGISTRIES: hosts whose image tags are resolved, with commas, http:// before one without TLS; empty:
    spec.bento.image needs a digest."""
    registry_auth: Path | None = None
    """E2I_REGISTRY_AUTH: config.json of docker with accounts of these registries, for instance of a mounted Secret."""
    exports: int = 2
    """E2I_EXPORTS: bentos uploaded at the same time; each takes at most 100 MiB of memory."""
    pod_network: PodNetwork = field(default_factory=PodNetwork)
    """E2I_POD_NETWORK: NETWORK=NETWORK, if the operator reaches pods at other addresses than their own."""
    patch_deployments: bool = False
    """E2I_PATCH_DEPLOYMENTS: true lets the operator patch Deployments where there is no policy e2i-pods."""
    lease_name: str = "e2i-operator"
    """E2I_LEASE_NAME: the Lease in the operator's namespace whose holder is active; all operators share it."""
    lease_seconds: int = 15
    """E2I_LEASE_SECONDS: after this time without a renewal another operator becomes active; 3 or more."""
    pod_uid: str = ""
    """E2I_POD_UID: uid of the pod: with it a container that starts again need not wait for its own Lease."""
    health_address: str = ""
    """E2I_HEALTH_ADDRESS: HOST:PORT where /healthz and /readyz are served; without it they are not."""
    metrics_address: str = ""
    """E2I_METRICS_ADDRESS: HOST:PORT where /metrics is served; without it they are not."""
    traces_endpoint: str = ""
    """E2I_TRACES_ENDPOINT: an OpenTelemetry receiver (OTLP over HTTP) that gets a trace of each release, for instance
    http://collector:4318; needs the extra traces."""
    notify_url: str = ""
    """E2I_NOTIFY_URL: address that CloudEvents about releases are posted to; without it none are."""
    notify_token: str = field(default="", repr=False)
    """E2I_NOTIFY_TOKEN: bearer token for that address, from a Secret."""
    drift_seconds: int = 60
    """E2I_DRIFT_SECONDS: seconds between two looks at the drift that bentos show in their metrics; 0: never."""
    probe_seconds: int = 0
    """E2I_PROBE_SECONDS: after so many seconds what serves is asked its golden predictions again; 0: never."""
    retrain_template: Path | None = None
    """E2I_RETRAIN_TEMPLATE: file with a Job or an Argo Workflow that is created in the operator's namespace when a
    model has drifted, once for each drift; without it none is."""
    log_level: str = "INFO"
    """E2I_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR."""

    @property
    def size_limits(self) -> SizeLimits:
        """How large bentos may be."""
        return SizeLimits(self.largest_bento, self.largest_bento_of)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; BadSetting names the first variable with a value that cannot be used."""
    bucket = read_bucket(environment)
    defaults = Settings(bucket=bucket.name)
    return Settings(
        bucket=bucket.name,
        prefix=bucket.prefix,
        store=_folder(environment, "E2I_BENTO_STORE", defaults.store),
        endpoint=bucket.endpoint,
        region=bucket.region,
        download_secret=environment.get("E2I_DOWNLOAD_SECRET", defaults.download_secret),
        service_account=_folder(environment, "E2I_SERVICE_ACCOUNT_DIR", defaults.service_account),
        share_archives=bucket.share_archives,
        namespaces=_namespaces(environment.get("E2I_NAMESPACES", "")),
        workers=_count(environment, "E2I_WORKERS", defaults.workers),
        largest_bento=_count(environment, "E2I_MAX_BENTO_BYTES", defaults.largest_bento, _MOST_BYTES),
        largest_bento_of=_limits(environment.get("E2I_MAX_BENTO_BYTES_OF", "")),
        tag_registries=_registries(environment),
        registry_auth=_file(environment, "E2I_REGISTRY_AUTH"),
        exports=_count(environment, "E2I_EXPORTS", defaults.exports),
        pod_network=_network(environment),
        patch_deployments=read_truth(environment, "E2I_PATCH_DEPLOYMENTS"),
        lease_name=environment.get("E2I_LEASE_NAME") or defaults.lease_name,
        lease_seconds=_count(environment, "E2I_LEASE_SECONDS", defaults.lease_seconds, 600, least=3),
        pod_uid=environment.get("E2I_POD_UID", ""),
        health_address=_address(environment, "E2I_HEALTH_ADDRESS"),
        metrics_address=_address(environment, "E2I_METRICS_ADDRESS"),
        traces_endpoint=_url(environment, "E2I_TRACES_ENDPOINT"),
        notify_url=_url(environment, "E2I_NOTIFY_URL"),
        notify_token=environment.get("E2I_NOTIFY_TOKEN", ""),
        drift_seconds=_count(environment, "E2I_DRIFT_SECONDS", defaults.drift_seconds, 86400, least=0),
        probe_seconds=_count(environment, "E2I_PROBE_SECONDS", defaults.probe_seconds, 86400, least=0),
        retrain_template=_template(environment),
        log_level=_level(environment, defaults.log_level),
    )


def _registries(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the address of each registry by its host: {registry.example: https://registry.example}"""
    places: dict[str, str] = {}
    for written in filter(None, map(str.strip, environment.get("E2I_TAG_REGISTRIES", "").split(","))):
        host = written.removeprefix("http://")
        if not _HOST.fullmatch(host):
            raise BadSetting(
                f"E2I_TAG_REGISTRIES: {written} is no host of a registry, for instance registry.example:5000, or "
                "http://registry.example:5000 without TLS"
            )
        places[host] = written if host != written else f"https://{host}"
    return places


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    return _folder(environment, name, Path("/")) if environment.get(name) else None


def _template(environment: Mapping[str, str]) -> Path | None:
    """Return the file, which must be a template now; it is read again each time."""
    path = _file(environment, "E2I_RETRAIN_TEMPLATE")
    try:
        if path:
            parse_template(path.read_text())
    except (OSError, ValueError) as error:
        raise BadSetting(f"E2I_RETRAIN_TEMPLATE={path}: {error}") from error
    return path


def _network(environment: Mapping[str, str]) -> PodNetwork:
    try:
        return PodNetwork.parse(environment.get("E2I_POD_NETWORK", ""))
    except ValueError as error:
        raise BadSetting(f"E2I_POD_NETWORK: {error}") from error


def _namespaces(text: str) -> tuple[str, ...]:
    """Return the namespaces: "risk, churn" -> ("churn", "risk")"""
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise BadSetting(
                f"E2I_NAMESPACES={text}: {name!r} is no name of a namespace; write for instance risk,churn"
            )
    if len(set(names)) > _MOST_NAMESPACES:
        raise BadSetting(
            f"E2I_NAMESPACES has {len(set(names))} namespaces, and {_MOST_NAMESPACES} at most are watched one by one; "
            "leave it empty for the whole cluster, or run several operators"
        )
    return tuple(sorted(set(names)))


def _limits(text: str) -> Mapping[str, int]:
    """Return the limit of each namespace: "risk=2000,churn=500" -> {"risk": 2000, "churn": 500}"""
    limits: dict[str, int] = {}
    for written in filter(None, map(str.strip, text.split(","))):
        name, _, number = written.partition("=")
        is_number = number.isascii() and number.isdigit() and 1 <= int(number) <= _MOST_BYTES
        if not _NAMESPACE.fullmatch(name) or not is_number or name in limits:
            raise BadSetting(
                f"E2I_MAX_BENTO_BYTES_OF: {written} is no namespace with its number of bytes, each of them once; write "
                "for instance risk=2000000000,churn=500000000"
            )
        limits[name] = int(number)
    return limits


def _folder(environment: Mapping[str, str], name: str, default: Path) -> Path:
    path = Path(environment.get(name) or default)
    if not path.is_absolute():
        raise BadSetting(f"{name}={path} is a relative path: write it from the root, for instance {default}")
    return path


def _count(environment: Mapping[str, str], name: str, default: int, most: int = 64, *, least: int = 1) -> int:
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadSetting(
            f"{name}={text} is not a number from {least} to {most}; without it {default} is used"
        )
    return int(text)


def _address(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "")
    host, _, port = text.rpartition(":")
    if text and not (host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise BadSetting(f"{name}={text} is not a host and a port, for instance 0.0.0.0:8080")
    return text


def _url(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "")
    # The value may hold a secret, so the error does not repeat it.
    wrong = BadSetting(
        f"{name} is no http or https address without an account in it, for instance https://example.org:4318/path"
    )
    try:
        parts = urlsplit(text)
    except ValueError:
        raise wrong from None
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
        raise wrong
    return text


def _level(environment: Mapping[str, str], default: str) -> str:
    level = environment.get("E2I_LOG_LEVEL", default).upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting(f"E2I_LOG_LEVEL={level} is not one of DEBUG, INFO, WARNING, ERROR")
    return level
