"""Create the first objects of a cluster: namespaces, Yatai's CRDs, RBAC, settings, credentials, images."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import e2i
from e2i.local.components import BUCKET, REGION
from e2i.local.credentials import S3Credentials, ensure_credentials
from e2i.local.images import ImageStore, LocalImage
from e2i.local.kubectl import apply_all
from e2i.local.layout import ClusterHome
from e2i.local.metrics_server import metrics_api

SYSTEM_NAMESPACE = "e2i-system"
MODEL_NAMESPACES = ("default", "models")
OPERATOR_IMAGE = f"ghcr.io/e2i-dev/e2i-operator:{e2i.__version__}"
BUILDER_IMAGE = "registry.e2i.local/bento-builder:local"

_PACKAGE = Path(e2i.__file__).parent
_NETWORK = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "XDG_CACHE_HOME",
    "HOME",
}


def bootstrap(home: ClusterHome, bento_store: Path) -> None:
    """Apply all first objects and register the images; safe to repeat."""
    crds = sorted((_PACKAGE / "local" / "yatai" / "crds").glob("*.yaml"))
    objects = settings(home, ensure_credentials(home), bento_store)
    if home.metrics:
        objects += metrics_api(home, (home.pki / "cluster-ca.crt").read_bytes())
    apply_all(home, [*crds, *_manifests(home)], objects)
    store = ImageStore(home.images)
    for image in images(home):
        store.put(image)


def settings(home: ClusterHome, credentials: S3Credentials, bento_store: Path) -> list[dict[str, Any]]:
    """Return the operator's ConfigMap and the Secrets with the bucket's credentials."""
    keys = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }
    values = {
        "E2I_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": home.s3_url,
        "AWS_REGION": REGION,
        "E2I_BENTO_STORE": str(bento_store),
        "E2I_POD_NETWORK": home.addresses.pod_network,
    }
    return [
        _object("ConfigMap", SYSTEM_NAMESPACE, "e2i-operator", {"data": values}),
        _object("Secret", SYSTEM_NAMESPACE, "e2i-s3", {"stringData": keys}),
        *(
            _object("Secret", namespace, "e2i-bento-download", {"stringData": keys})
            for namespace in MODEL_NAMESPACES
        ),
    ]


def images(home: ClusterHome) -> list[LocalImage]:
    """Return the images of the operator and the bento builder: both run this installation of e2i."""
    path = (str(Path(sys.executable).parent),)
    digest = f"sha256:{_digest_of_package()}"
    account = "$(E2I_MOUNTS)/var/run/secrets/kubernetes.io/serviceaccount"
    return [
        LocalImage(
            name=OPERATOR_IMAGE,
            digest=digest,
            working_dir=str(home.root),
            path=path,
            env={"E2I_SERVICE_ACCOUNT_DIR": account},
        ),
        LocalImage(
            name=BUILDER_IMAGE,
            digest=digest,
            working_dir=str(home.root),
            path=path,
            env=package_index_settings(os.environ),
        ),
    ]


def package_index_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for the package index (proxies, certificates, mirrors): the builder needs them too."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("UV_", "PIP_")) or name.upper() in _NETWORK
    }


def choose_bento_store(home: ClusterHome, asked: Path | None) -> Path:
    """Return the bento store `asked`, else the one of the last start, else the user's own; keep the choice."""
    record = home.root / "bento-store"
    if asked is None and record.exists():
        return Path(record.read_text())
    store = (asked or default_bento_store()).absolute()
    record.write_text(str(store))
    return store


def operator_inputs(bento_store: Path) -> str:
    """Return a digest of the operator's code and settings: a running operator does not notice if they change."""
    return hashlib.sha256(f"{_digest_of_package()} {bento_store}".encode()).hexdigest()[:16]


def default_bento_store(environment: Mapping[str, str] = os.environ) -> Path:
    """Return BentoML's home folder: $BENTOML_HOME, by default ~/bentoml."""
    return Path(environment.get("BENTOML_HOME") or Path.home() / "bentoml").absolute()


def _object(kind: str, namespace: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"namespace": namespace, "name": name}, **content}


def _manifests(home: ClusterHome) -> list[Path]:
    folder = _PACKAGE / "local" / "manifests"
    # A namespace must exist before its objects.
    names = ["namespaces.yaml", "yatai-rbac.yaml", *(["metrics-server.yaml"] if home.metrics else [])]
    return [folder / name for name in names]


def _digest_of_package() -> str:
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(f"{file.relative_to(_PACKAGE)}\n".encode() + file.read_bytes())
    return digest.hexdigest()
