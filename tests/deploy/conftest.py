"""helm, kubectl, and a cluster that nothing was ever applied to."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from deploy.programs import Program, built_helm
from support.cluster import Kept, temporary_home

from e2i.local.cluster import start_components
from e2i.local.layout import ClusterHome
from e2i.local.toolchain import ensure_tools

# Without a scheduler: pods are admitted or refused when they are made, and need no node for that.
NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager")


@pytest.fixture(scope="session")
def helm(say: Callable[[str], None]) -> Program:
    """Helm 4: what E2I_TEST_HELM names, else what is on PATH, else built once and cached."""
    found = os.environ.get("E2I_TEST_HELM") or shutil.which("helm")
    if found and Program((found,))("version", "--template={{.Version}}").startswith("v4."):
        return Program((found,))
    return Program((str(built_helm(say)),))


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
