"""helm, kubectl, a cluster that nothing was ever applied to, and an environment with the wheel."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deploy.programs import HELM_3, HELM_4, Program, built, run
from support.cluster import Kept, temporary_home

from e2i.local.cluster import start_components
from e2i.local.layout import ClusterHome
from e2i.local.toolchain import ensure_tools

PROJECT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).parent / "uv"
# Without a scheduler: pods are admitted or refused when they are made, and need no node for that.
NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager")


@pytest.fixture(scope="session")
def helm(say: Callable[[str], None]) -> Program:
    return built(HELM_4, say)


@pytest.fixture(scope="session")
def helm_3(say: Callable[[str], None]) -> Program:
    return built(HELM_3, say)


@pytest.fixture(scope="session")
def kustomize(say: Callable[[str], None]) -> Program:
    """kubectl's own: `kubectl kustomize`."""
    return Program((str(ensure_tools(say).controlplane), "kubectl", "kustomize"))


@pytest.fixture(scope="module")
def bare_cluster(kept: Kept, say: Callable[[str], None]) -> ClusterHome:
    """An API server of its own: other tests have applied the same CRD and roles to theirs."""
    return kept.enter("bare_cluster", lambda: _cluster(say))


@contextlib.contextmanager
def _cluster(say: Callable[[str], None]) -> Iterator[ClusterHome]:
    with temporary_home("test-deploy") as home:
        start_components(home, NEEDED, say)
        yield home


@pytest.fixture(scope="module")
def kubectl(bare_cluster: ClusterHome) -> Program:
    return Program((str(bare_cluster.kubectl), f"--kubeconfig={bare_cluster.kubeconfig}"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with what is installed, so without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=PROJECT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel and the locked dependencies, and nothing else."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    install = (UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python")
    run(*install, "--require-hashes", "-r", PROJECT / "operator" / "requirements.lock")
    run(*install, "--no-deps", "--no-index", wheel)
    return environment / "bin"
