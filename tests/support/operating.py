"""The operator as a process of its own, with its own service account, on a cluster without nodes.

Yatai is played by the stand-in's controllers (`support.yatai`), the node by `Stage.start_pods`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from support.cluster import TestCluster
from support.s3 import free_port

from e2i.core import naming
from e2i.edge.kinds import E2I_MODELS, EVENTS, PODS
from e2i.kube import Kube, Object, Resource
from e2i.local.components import BUCKET, REGION
from e2i.local.credentials import ensure_credentials
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome

PROJECT = Path(__file__).resolve().parents[2]
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
BUILD_LABEL = "yatai.ai/bento-request"
PATIENCE = 60.0


def install(home: ClusterHome) -> None:
    """CRD, namespace and rights: the operator's manifests but for its Deployment."""
    files = ("namespace.yaml", "crds/e2imodels.yaml", "rbac.yaml")
    apply_files(home, *(PROJECT / "manifests" / file for file in files))
    kubectl(home, "wait", "--for=condition=Established", "crd/e2imodels.serving.e2i.dev")


def apply_files(home: ClusterHome, *files: Path) -> None:
    kubectl(home, "apply", "--server-side", "--force-conflicts", *(f"--filename={file}" for file in files))


def service_account(home: ClusterHome, folder: Path) -> Path:
    """What a pod of the operator finds mounted."""
    folder.mkdir(exist_ok=True)
    token = kubectl(home, "create", "token", "e2i-operator", "--namespace=e2i-system")
    (folder / "token").write_text(token)
    entry = yaml.safe_load(home.kubeconfig.read_text())["clusters"][0]["cluster"]
    data = entry.get("certificate-authority-data")
    authority = base64.b64decode(data) if data else Path(entry["certificate-authority"]).read_bytes()
    (folder / "ca.crt").write_bytes(authority)
    return folder


class Operator:
    """One process, started as manifests/deployment.yaml starts it."""

    def __init__(self, home: ClusterHome, folder: Path, store: Path, **environment: str) -> None:
        keys = ensure_credentials(home)
        self.log = folder / f"operator-{uuid.uuid4().hex[:6]}.log"
        self._environment = {
            **os.environ,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(home.ports.api_server),
            "E2I_SERVICE_ACCOUNT_DIR": str(service_account(home, folder / "account")),
            "E2I_BUCKET": BUCKET,
            "E2I_BENTO_STORE": str(store),
            "AWS_ENDPOINT_URL": home.s3_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv(), env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _argv(self) -> list[str]:
        manifest = yaml.safe_load((PROJECT / "manifests" / "deployment.yaml").read_text())
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        program = str(Path(sys.executable).parent / container["command"][0])
        return [program, *container["command"][1:], f"--liveness=http://127.0.0.1:{free_port()}/healthz"]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process; its exit code. It must end within the grace period of its pod."""
        assert self._process
        self._process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process
        return self._process.wait(timeout=30)

    def said(self) -> list[dict[str, Any]]:
        """The log's lines."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


@contextlib.contextmanager
def operating(home: ClusterHome, folder: Path, store: Path, **environment: str) -> Iterator[Operator]:
    """A running operator; it is ended with the block if the test has not done so."""
    operator = Operator(home, folder, store, **environment)
    operator.start()
    try:
        yield operator
    finally:
        if operator.is_running:
            operator.stop(signal.SIGKILL)


class Stage:
    """A namespace of its own, looked at and changed as the administrator."""

    def __init__(self, kube: Kube, home: ClusterHome, namespace: str) -> None:
        self.kube = kube
        self.home = home
        self.namespace = namespace

    async def create(self, name: str = "churn", tag: str = "churn:1.0.0", **spec: Any) -> Object:
        body = {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"type": "Classification", "bento": {"tag": tag}, **spec},
        }
        return await self.kube.create(E2I_MODELS, self.namespace, body)

    async def change(self, name: str = "churn", **spec: Any) -> None:
        await self.kube.patch(E2I_MODELS, self.namespace, name, {"spec": spec})

    async def touch(self, *names: str) -> None:
        """An event without news: the operator makes a pass and must write nothing."""
        for name in names:
            body = {"metadata": {"annotations": {"touched": str(time.monotonic_ns())}}}
            await self.kube.patch(E2I_MODELS, self.namespace, name, body)

    async def model(self, name: str = "churn") -> Object:
        found = await self.kube.get(E2I_MODELS, self.namespace, name)
        assert found, f"there is no model {name}"
        return found

    async def child(self, resource: Resource, name: str) -> Object | None:
        return await self.kube.get(resource, self.namespace, name)

    async def children(self, resource: Resource) -> list[Object]:
        found, _ = await self.kube.list(resource, self.namespace, labels=naming.MODEL_LABEL)
        return found

    async def reason(self, word: str, name: str = "churn") -> str:
        """Wait until Ready has this reason; its message, printed to be read as a user reads it."""

        async def look() -> str | None:
            told = condition(await self.model(name), "Ready")
            return told["message"] if told and told["reason"] == word else None

        message: str = await self.until(look, f"reason {word} of {name}")
        print(f"{word}: {message}")  # noqa: T201
        return message

    async def ready(self, *names: str) -> None:
        """Play the node until the models are Ready."""

        async def look() -> bool:
            await self.end_builds()
            await self.start_pods()
            models, _ = await self.kube.list(E2I_MODELS, self.namespace)
            wanted = [model for model in models if not names or model["metadata"]["name"] in names]
            return all(is_ready(model) for model in wanted)

        await self.until(look, "Ready", patience=4 * PATIENCE)

    async def start_pods(self) -> None:
        """Play the node: every pod of a model runs and is ready."""
        running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await self._play(naming.MODEL_LABEL, running)

    async def end_builds(self, exit_code: int = 0) -> None:
        """Play the node: every build has run and ended."""
        ended = {"terminated": {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed"}}
        container = {"name": "builder", "image": "", "imageID": "", "ready": False, "restartCount": 0}
        phase = "Failed" if exit_code else "Succeeded"
        await self._play(BUILD_LABEL, {"phase": phase, "containerStatuses": [{**container, "state": ended}]})

    async def _play(self, label: str, status: Object) -> None:
        pods, _ = await self.kube.list(PODS, self.namespace, labels=label)
        for pod in pods:
            if pod["status"].get("phase") == "Pending":
                name = pod["metadata"]["name"]
                await self.kube.patch(PODS, self.namespace, name, {"status": status}, subresource="status")

    async def events(self, name: str = "churn") -> list[tuple[str, str]]:
        found, _ = await self.kube.list(EVENTS, self.namespace)
        return [(e["type"], e["reason"]) for e in found if e["regarding"]["name"] == name]

    async def until(self, look: Callable[[], Awaitable[Any]], what: str, patience: float = PATIENCE) -> Any:
        deadline = time.monotonic() + patience
        while not (found := await look()):
            assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what}: {await self._told()}"
            await asyncio.sleep(0.1)
        return found

    async def _told(self) -> list[Any]:
        models, _ = await self.kube.list(E2I_MODELS, self.namespace)
        return [(model["metadata"]["name"], condition(model, "Ready")) for model in models]


@contextlib.asynccontextmanager
async def staging(cluster: TestCluster) -> AsyncIterator[Stage]:
    assert cluster.home
    name = f"operator-{uuid.uuid4().hex[:8]}"
    async with await Kube.from_kubeconfig(cluster.kubeconfig) as kube:
        await kube.create(NAMESPACES, None, {"metadata": {"name": name}})
        try:
            yield Stage(kube, cluster.home, name)
        finally:
            await kube.request("DELETE", E2I_MODELS.path(name))
            await kube.delete(NAMESPACES, None, name)


def condition(model: Object, kind: str) -> Mapping[str, Any] | None:
    conditions = model.get("status", {}).get("conditions", ())
    return next((item for item in conditions if item["type"] == kind), None)


def is_ready(model: Object) -> bool:
    told = condition(model, "Ready")
    current = model.get("status", {}).get("observedGeneration") == model["metadata"]["generation"]
    return bool(told and told["status"] == "True" and current)
