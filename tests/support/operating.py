"""The operator as a process of its own, with its own service account, on a cluster without nodes.

Yatai is played by the stand-in's controllers (`support.yatai`), the node by the test (`support.stage`).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from support.cluster import TestCluster
from support.s3 import free_port
from support.scraped import Scraped

from e2i.local.components import BUCKET, REGION
from e2i.local.credentials import ensure_credentials
from e2i.local.errors import ClusterError
from e2i.local.kubectl import kubectl
from e2i.local.kubernetes_versions import OLDER
from e2i.local.layout import ClusterHome
from e2i.polling import poll

PROJECT = Path(__file__).resolve().parents[2]
GRACE = 30.0
"""Seconds that a pod of the operator has to end."""


def install(home: ClusterHome) -> None:
    """CRD, namespace and rights: the operator's manifests but for its Deployment."""
    files = ("namespace.yaml", "crds/e2imodels.yaml", "rbac.yaml")
    apply_files(home, *(PROJECT / "manifests" / file for file in files))
    wait_for_kinds(home, "e2imodels.serving.e2i.dev")


def installed(cluster: TestCluster, why: str) -> TestCluster:
    """The cluster with all of that. `why` a test needs one of its own: a cluster of somebody else skips with it."""
    install(cluster.own_home(why))
    return cluster


def wait_for_kinds(home: ClusterHome, *crds: str) -> None:
    """Wait until the API server serves the kinds: `kubectl wait` fails at once while a CRD has no conditions yet."""

    def are_served() -> bool:
        with contextlib.suppress(ClusterError):
            kubectl(
                home, "wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{crd}" for crd in crds)
            )
            return True
        return False

    assert poll(are_served, within=120, every=0.2), crds


def apply_files(home: ClusterHome, *files: Path) -> None:
    kubectl(home, "apply", "--server-side", "--force-conflicts", *(f"--filename={file}" for file in files))


def apply_policies(home: ClusterHome, *files: Path) -> None:
    """Apply policies that change pods, in the version that the cluster's API server has: as the components do."""
    text = "\n---\n".join(file.read_text() for file in files)
    if home.kubernetes in OLDER:
        text = re.sub(r"(?m)^(apiVersion: admissionregistration\.k8s\.io/)v1$", r"\1v1beta1", text)
    kubectl(home, "apply", "--server-side", "--force-conflicts", "--filename=-", given=text)


def service_account(home: ClusterHome, folder: Path, name: str = "e2i-operator") -> Path:
    """What a pod of the operator, or of the gateway, finds mounted."""
    folder.mkdir(exist_ok=True)
    token = kubectl(home, "create", "token", name, "--namespace=e2i-system")
    (folder / "token").write_text(token)
    (folder / "namespace").write_text("e2i-system")
    entry = yaml.safe_load(home.kubeconfig.read_text())["clusters"][0]["cluster"]
    data = entry.get("certificate-authority-data")
    authority = base64.b64decode(data) if data else Path(entry["certificate-authority"]).read_bytes()
    (folder / "ca.crt").write_bytes(authority)
    return folder


class Operator:
    """One process, started as manifests/deployment.yaml starts it."""

    def __init__(
        self,
        home: ClusterHome,
        folder: Path,
        store: Path,
        *,
        programs: Path = Path(sys.executable).parent,
        **environment: str,
    ) -> None:
        """`programs`: the bin folder of the Python environment that it runs in."""
        keys = ensure_credentials(home)
        self._programs = programs
        self._health = f"127.0.0.1:{free_port()}"
        self.metrics = f"127.0.0.1:{free_port()}"
        self.pod_uid = str(uuid.uuid4())
        self.log = folder / f"operator-{uuid.uuid4().hex[:6]}.log"
        self._environment = {
            **os.environ,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(home.ports.api_server),
            "E2I_SERVICE_ACCOUNT_DIR": str(service_account(home, folder / "account")),
            "E2I_HEALTH_ADDRESS": self._health,
            "E2I_METRICS_ADDRESS": self.metrics,
            "E2I_POD_UID": self.pod_uid,
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
        command = _command()
        return [str(self._programs / command[0]), *command[1:]]

    def probe(self, path: str) -> int | None:
        """The status with which /healthz or /readyz answers; None before it does."""
        try:
            with urllib.request.urlopen(f"http://{self._health}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def scrape(self) -> Scraped:
        """Its metrics."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=30) as answer:
            return Scraped(answer.read().decode())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process; its exit code. It must end within the grace period of its pod."""
        self.send(how)
        return self.wait()

    def send(self, how: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(how)

    def wait(self) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process
        return self._process.wait(timeout=GRACE)

    def said(self) -> list[dict[str, Any]]:
        """The log's lines."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def check_a_life(self, patience: float = 120.0) -> None:
        """It gets ready, is alive, ends when it is asked to, and logs no error."""
        deadline = time.monotonic() + patience
        while self.probe("/readyz") != 200:
            assert self.is_running, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        assert self.probe("/healthz") == 200
        assert self.stop() == 0
        assert "Traceback" not in self.log.read_text()
        assert [line for line in self.said() if line.get("severity") == "error"] == []

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


@cache
def _command() -> tuple[str, ...]:
    manifest = yaml.safe_load((PROJECT / "manifests" / "deployment.yaml").read_text())
    return tuple(manifest["spec"]["template"]["spec"]["containers"][0]["command"])


def operating(
    home: ClusterHome, folder: Path, store: Path, **environment: str
) -> contextlib.AbstractContextManager[Operator]:
    """A running operator, started cold as in a cluster; it is ended with the block if the test has not done so."""
    return running(Operator(home, folder, store, **environment))


@contextlib.contextmanager
def running(operator: Operator) -> Iterator[Operator]:
    """The operator, started; it is ended with the block if the test has not done so."""
    operator.start()
    try:
        yield operator
    finally:
        if operator.is_running:
            # Not killed: the next operator would wait for the end of its lease.
            operator.stop()
