"""The settings of the operator, read once from the environment.

A test compares docs/reference/settings.md with the fields below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2i.archive.s3.settings import read_bucket
from e2i.archive.size_limits import SizeLimits
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.retraining import parse_template
from e2i.variables import NAMESPACE, BadSetting, Variables

_HOST = re.compile(r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?(?::[0-9]{1,5})?", re.ASCII)
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
    given, bucket = Variables(environment), read_bucket(environment)
    defaults = Settings(bucket=bucket.name)
    return Settings(
        bucket=bucket.name,
        prefix=bucket.prefix,
        store=given.folder("E2I_BENTO_STORE", defaults.store),
        endpoint=bucket.endpoint,
        region=bucket.region,
        # Empty: the builder needs no keys.
        download_secret=given.name("E2I_DOWNLOAD_SECRET", defaults.download_secret),
        service_account=given.folder("E2I_SERVICE_ACCOUNT_DIR", defaults.service_account),
        share_archives=bucket.share_archives,
        namespaces=_namespaces(given),
        workers=given.count("E2I_WORKERS", defaults.workers),
        largest_bento=given.count("E2I_MAX_BENTO_BYTES", defaults.largest_bento, _MOST_BYTES),
        largest_bento_of=_limits(given.text("E2I_MAX_BENTO_BYTES_OF")),
        tag_registries=_registries(given),
        registry_auth=_file(given, "E2I_REGISTRY_AUTH"),
        exports=given.count("E2I_EXPORTS", defaults.exports),
        pod_network=_network(given),
        patch_deployments=given.truth("E2I_PATCH_DEPLOYMENTS"),
        lease_name=given.name("E2I_LEASE_NAME", defaults.lease_name) or defaults.lease_name,
        lease_seconds=given.count("E2I_LEASE_SECONDS", defaults.lease_seconds, 600, least=3),
        pod_uid=given.text("E2I_POD_UID"),
        health_address=given.address("E2I_HEALTH_ADDRESS"),
        metrics_address=given.address("E2I_METRICS_ADDRESS"),
        traces_endpoint=given.url("E2I_TRACES_ENDPOINT"),
        notify_url=given.url("E2I_NOTIFY_URL"),
        notify_token=given.text("E2I_NOTIFY_TOKEN"),
        drift_seconds=given.count("E2I_DRIFT_SECONDS", defaults.drift_seconds, 86400, least=0),
        probe_seconds=given.count("E2I_PROBE_SECONDS", defaults.probe_seconds, 86400, least=0),
        retrain_template=_template(given),
        log_level=given.log_level("E2I_LOG_LEVEL", defaults.log_level),
    )


def _registries(given: Variables) -> Mapping[str, str]:
    """Return the address of each registry by its host: {registry.example: https://registry.example}"""
    places: dict[str, str] = {}
    for written in filter(None, map(str.strip, given.text("E2I_TAG_REGISTRIES").split(","))):
        host = written.removeprefix("http://")
        if not _HOST.fullmatch(host):
            raise BadSetting(
                f"E2I_TAG_REGISTRIES: {written} is no host of a registry, for instance registry.example:5000, or "
                "http://registry.example:5000 without TLS"
            )
        places[host] = written if host != written else f"https://{host}"
    return places


def _file(given: Variables, name: str) -> Path | None:
    return given.folder(name, Path("/")) if given.text(name) else None


def _template(given: Variables) -> Path | None:
    """Return the file, which must be a template now; it is read again each time."""
    path = _file(given, "E2I_RETRAIN_TEMPLATE")
    try:
        if path:
            parse_template(path.read_text())
    except (OSError, ValueError) as error:
        raise BadSetting(f"E2I_RETRAIN_TEMPLATE={path}: {error}") from error
    return path


def _network(given: Variables) -> PodNetwork:
    try:
        return PodNetwork.parse(given.text("E2I_POD_NETWORK"))
    except ValueError as error:
        raise BadSetting(f"E2I_POD_NETWORK: {error}") from error


def _namespaces(given: Variables) -> tuple[str, ...]:
    names = given.namespaces("E2I_NAMESPACES")
    if len(names) > _MOST_NAMESPACES:
        raise BadSetting(
            f"E2I_NAMESPACES has {len(names)} namespaces, and {_MOST_NAMESPACES} at most are watched one by one; "
            "leave it empty for the whole cluster, or run several operators"
        )
    return names


def _limits(text: str) -> Mapping[str, int]:
    """Return the limit of each namespace: "risk=2000,churn=500" -> {"risk": 2000, "churn": 500}"""
    limits: dict[str, int] = {}
    for written in filter(None, map(str.strip, text.split(","))):
        name, _, number = written.partition("=")
        is_number = number.isascii() and number.isdigit() and 1 <= int(number) <= _MOST_BYTES
        if not NAMESPACE.fullmatch(name) or not is_number or name in limits:
            raise BadSetting(
                f"E2I_MAX_BENTO_BYTES_OF: {written} is no namespace with its number of bytes, each of them once; write "
                "for instance risk=2000000000,churn=500000000"
            )
        limits[name] = int(number)
    return limits
