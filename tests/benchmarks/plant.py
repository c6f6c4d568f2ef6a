"""A control plane of the benchmarks' own, and the operator beside it as a process with its service account.

The operator is started as its Deployment starts it, with the rights that the project ships; only the pod around
it is missing. Everything is gone when the block ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from http.client import HTTPResponse
from pathlib import Path

from benchmarks.figures import PROJECT, say
from support.cluster import temporary_home
from support.s3 import free_port

from e2i.kube import Kube, Object, Resource
from e2i.local.bootstrap import bootstrap
from e2i.local.cluster import start_components
from e2i.local.components import BUCKET, CONTROL_PLANE, REGION
from e2i.local.credentials import ensure_credentials
from e2i.local.kubectl import apply_all
from e2i.local.layout import ClusterHome

SERVERS = ("etcd", "s3", "kube-apiserver")
"""Nothing else runs beside the operator: no controllers, no garbage collection."""
NAMESPACE = "bench"
OPERATOR_USER = "system:serviceaccount:e2i-system:e2i-operator"
MODELS = Resource("serving.e2i.dev", "v1alpha1", "e2imodels", "E2IModel")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CRD = PROJECT / "manifests" / "crds" / "e2imodels.yaml"
START_WITHIN = 60.0


@contextlib.contextmanager
def bench_cluster(components: Sequence[str] = CONTROL_PLANE) -> Iterator[ClusterHome]:
    """etcd, API server, controller manager, scheduler and S3, with our CRD and rights; no node, no controllers."""
    with temporary_home("bench") as home:
        start_components(home, components, lambda line: say(f"  {line}"))
        bootstrap(home, store_of(home))
        folder = PROJECT / "manifests"
        files = [folder / "namespace.yaml", CRD, folder / "rbac.yaml"]
        apply_all(home, files, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
        yield home


def store_of(home: ClusterHome) -> Path:
    """The BentoML home of the benchmarks' bentos."""
    return home.root / "bentoml"


def bucket_settings(home: ClusterHome) -> dict[str, str]:
    """The variables by which the operator finds the cluster's bucket."""
    credentials = ensure_credentials(home)
    return {
        "E2I_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": home.s3_url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }


def operator_log(home: ClusterHome) -> Path:
    return home.logs / "operator.log"


def operator_settings(home: ClusterHome, account: Path) -> dict[str, str]:
    """The environment of an operator on this cluster.

    Its modules are compiled at its first start. In its image they are: pip does that.
    """
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(home.root / "bytecode"),
        **bucket_settings(home),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(home.ports.api_server),
        "E2I_SERVICE_ACCOUNT_DIR": str(account),
        "E2I_BENTO_STORE": str(store_of(home)),
    }


async def service_account(home: ClusterHome, kube: Kube) -> Path:
    """A folder as it is mounted into the operator's pod: its token, and whom to trust."""
    request: Object = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3 * 3600},
    }
    answer = await kube.create(
        SERVICE_ACCOUNTS, "e2i-system", request, name="e2i-operator", subresource="token"
    )
    folder = home.root / "service-account"
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(answer["status"]["token"])
    (folder / "ca.crt").write_bytes((home.pki / "cluster-ca.crt").read_bytes())
    return folder


def a_model(name: str, tag: str, namespace: str = NAMESPACE) -> Object:
    return {
        "apiVersion": MODELS.api_version,
        "kind": MODELS.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "type": "Classification",
            "bento": {"tag": tag},
            "replicas": 1,
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
            "rollout": {"scaleDownDelaySeconds": 1},
        },
    }


@contextlib.asynccontextmanager
async def operator(
    home: ClusterHome, account: Path, *, modules: Sequence[Path] = ()
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The running operator. `modules` are loaded beside its handlers."""
    health = f"127.0.0.1:{free_port()}"
    argv = [sys.executable, "-P", "-m", "e2i.controller"]
    argv += ["--all-namespaces", "--log-format=json", *(str(path) for path in modules)]
    environment = operator_settings(home, account) | {"E2I_HEALTH_ADDRESS": health}
    log = operator_log(home)
    with log.open("ab") as output:
        # Blocking calls here and below: nothing else is to run until the operator does.
        process = subprocess.Popen(  # noqa: ASYNC220
            argv, env=environment, stdout=output, stderr=output, cwd=home.root
        )
        try:
            await _until_ready(f"http://{health}/readyz", process, log)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    if code:
        raise RuntimeError(f"the operator ended with exit code {code}; its log:\n{log.read_text()[-2000:]}")


async def _until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the operator ended at once; its log:\n{log.read_text()[-2000:]}")
        with contextlib.suppress(OSError), _opened(url) as answer:
            if answer.status == 200:
                return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"the operator was not ready within {START_WITHIN:.0f} s; read {log}")


def _opened(url: str) -> contextlib.AbstractContextManager[HTTPResponse]:
    answer: HTTPResponse = urllib.request.urlopen(url, timeout=5)  # noqa: S310 - our own http address
    return answer
