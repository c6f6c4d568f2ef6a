"""The real Argo CD beside a local cluster: built from its Go module, run as processes, with a Git repository on disk.

Its application controller, ApplicationSet controller and repo server are the released ones. Its API server is missing,
which the command line and the web page need. `argocd lua` of tests/argocd/argocd runs actions in its place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from support.argocd_config import CONFIG_MAP
from support.s3 import free_port

from e2i.local import processes
from e2i.local.errors import ClusterError
from e2i.local.golang import find_go
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome
from e2i.local.toolchain import Module, Say, ensure_built, program_of
from e2i.polling import poll

PROJECT = Path(__file__).resolve().parents[2]
ARGOCD = Module("argocd", ".", beside=PROJECT / "tests" / "argocd")
SOURCE = "github.com/argoproj/argo-cd/v3"
NAMESPACE = "argocd"
RESYNC = 5
"""Seconds between two looks of Argo CD at an Application of which nothing changed; 120 by default."""
END_WITHIN = 10.0
INSTALLED_WITHIN = 120.0


class ArgoCD:
    """Argo CD for one cluster, with its own folder. `start` it, and `stop` it at the end."""

    def __init__(self, home: ClusterHome, folder: Path, say: Say) -> None:
        self._home, self._folder, self._say = home, folder, say
        self._redis, self._repo_server = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self._running: list[processes.Process] = []
        self.logs = folder / "logs"

    def start(self) -> None:
        """Install its kinds and settings, register the cluster, and start its processes."""
        ensure_built((ARGOCD,), self._say)
        self._programs()
        self._install()
        self._run("redis", *_redis_server(self._redis, self._program("argocd")))
        cached = ("--redis", self._redis)
        self._run(
            "repo-server",
            *(self._program("argocd"), "repo-server", "--disable-tls", "--address=127.0.0.1"),
            *(f"--port={self._repo_server.rpartition(':')[2]}", *_metrics("127.0.0.1"), *cached),
        )
        asked = (f"--namespace={NAMESPACE}",)
        self._run(
            "application-controller",
            *(self._program("argocd"), "application-controller", *asked, *cached, *_metrics()),
            *("--repo-server", self._repo_server, "--repo-server-plaintext"),
            *(f"--app-resync={RESYNC}", "--app-resync-jitter=0", "--persist-resource-health"),
        )
        self._run(
            "applicationset-controller",
            *(self._program("argocd"), "applicationset-controller", *asked, "--repo-server-plaintext"),
            *("--argocd-repo-server", self._repo_server),
            *(f"--{name}=127.0.0.1:{free_port()}" for name in ("metrics-addr", "probe-addr", "webhook-addr")),
        )

    def stop(self) -> None:
        processes.stop(self._running, patience=END_WITHIN)

    def _program(self, name: str) -> str:
        return str(self._folder / "bin" / name)

    def _programs(self) -> None:
        """Put the names under which the repo server looks for its programs into a folder."""
        for name in ("argocd", "kustomize"):
            link = Path(self._program(name))
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(program_of(ARGOCD))

    def _install(self) -> None:
        released = _released(self._say)
        kubectl(self._home, "create", "namespace", NAMESPACE)
        for part in ("manifests/crds", "manifests/base/config"):
            kubectl(
                self._home,
                *("apply", "--server-side", f"--namespace={NAMESPACE}", f"--kustomize={released / part}"),
            )
        assert poll(self._has_its_kinds, within=INSTALLED_WITHIN, every=0.2), "Argo CD's kinds are not served"
        patch = (f"--namespace={NAMESPACE}", f"--patch-file={CONFIG_MAP}")
        kubectl(self._home, "patch", "configmap", "argocd-cm", *patch)
        projects = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
        anything = {"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}
        objects = [
            _object("v1", "Secret", "argocd-secret", stringData={"server.secretkey": "for tests"}),
            _object("argoproj.io/v1alpha1", "AppProject", "default", spec={**projects, **anything}),
        ]
        self.apply(objects)

    def _has_its_kinds(self) -> bool:
        """Return whether its CRDs are established. `kubectl wait` fails on one that has no conditions yet."""
        kinds = (f"crd/{kind}.argoproj.io" for kind in ("applications", "applicationsets", "appprojects"))
        try:
            kubectl(self._home, "wait", "--for=condition=Established", *kinds)
        except ClusterError:
            return False
        return True

    def register(self, name: str, server: str, **labels: str) -> None:
        """Let Argo CD know this cluster under a name, at one of its addresses."""
        user = yaml.safe_load(self._home.kubeconfig.read_text())
        (identity,), (cluster,) = user["users"], user["clusters"]
        tls = {
            "caData": cluster["cluster"]["certificate-authority-data"],
            "certData": identity["user"]["client-certificate-data"],
            "keyData": identity["user"]["client-key-data"],
        }
        data = {"name": name, "server": server, "config": json.dumps({"tlsClientConfig": tls})}
        secret = _object("v1", "Secret", f"cluster-{name}", stringData=data)
        secret["metadata"]["labels"] = {"argocd.argoproj.io/secret-type": "cluster", **labels}
        self.apply([secret])

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> None:
        listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        kubectl(
            self._home,
            *("apply", "--server-side", "--force-conflicts", "--filename=-"),
            given=json.dumps(listing),
        )

    def _run(self, name: str, *argv: str) -> None:
        environment = {
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "KUBECONFIG": str(self._home.kubeconfig),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_CONTROLLER_REPLICAS": "1",
            "ARGOCD_TLS_DATA_PATH": str(self._empty("tls")),
            "ARGOCD_SSH_DATA_PATH": str(self._empty("ssh")),
            "TMPDIR": str(self._empty("tmp")),
            "HOME": str(self._empty("home")),
            # The guard of the cluster's folder ends what bears this mark, should the tests be killed.
            processes.POD_VARIABLE: str(self._home.root),
        }
        _, process = processes.start(argv, log=self.logs / f"{name}.log", environment=environment)
        assert process, (self.logs / f"{name}.log").read_text()
        self._running.append(process)

    def _empty(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder


def ask_lua(model: Mapping[str, Any], action: str = "") -> dict[str, Any]:
    """Return what Argo CD says of the model: health, actions, and the model as `action` wants it."""
    data = yaml.safe_load(CONFIG_MAP.read_text())["data"]
    scripts = {name.split(".")[2]: text for name, text in data.items()}
    override = {"health.lua": scripts["health"], "actions": scripts["actions"]}
    asked = json.dumps({"override": override, "object": model, "action": action})
    command = [program_of(ARGOCD), "lua"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    given: dict[str, Any] = json.loads(done.stdout)
    return given


def _metrics(*host: str) -> tuple[str, ...]:
    return (f"--metrics-port={free_port()}", *(f"--metrics-address={each}" for each in host))


def _redis_server(address: str, argocd: str) -> tuple[str, ...]:
    """Return how Argo CD's cache is started: Debian's redis-server, or where there is none the double in its place."""
    host, _, port = address.partition(":")
    if program := shutil.which("redis-server"):
        return (program, f"--bind {host}", f"--port {port}", "--save ''", "--appendonly no")
    return (argocd, "redis", address)


def _released(say: Say) -> Path:
    """Return the folder of Argo CD's source, with its manifests. Its digest is in go.sum."""
    go = find_go(say)
    command = [go.program, "mod", "download", "-json", SOURCE]
    done = subprocess.run(command, cwd=ARGOCD.folder, env=go.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return Path(json.loads(done.stdout)["Dir"])


def _object(version: str, kind: str, name: str, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


class Repository:
    """A Git repository on disk, from which Argo CD syncs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def write(self, path: str, *objects: Mapping[str, Any]) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # As JSON: Argo CD reads the plain words y and n as true and false, and PyYAML does not quote them.
        file.write_text("\n---\n".join(json.dumps(each) for each in objects))

    def copy(self, *paths: str) -> None:
        """Put folders of the project into the repository."""
        for path in paths:
            shutil.copytree(PROJECT / path, self.folder / path)

    def commit(self, message: str) -> str:
        """Commit everything; return the commit."""
        self._git("add", "--all")
        self._git("commit", "--quiet", f"--message={message}")
        return self._git("rev-parse", "HEAD").strip()

    def revert(self) -> str:
        self._git("revert", "--no-edit", "HEAD")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        who = ("-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
