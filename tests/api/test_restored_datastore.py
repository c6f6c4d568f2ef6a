"""etcd comes back from a backup while the operator runs: versions go back, objects come back or vanish."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from support.cluster import TestCluster, temporary_home
from support.operating import Operator, install
from support.stage import Stage, staging
from support.stores import a_bento
from support.warmoperator import operating
from support.yatai import controllers

from e2i.api import naming
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, E2I_MODELS
from e2i.local import supervision
from e2i.local.bootstrap import bootstrap
from e2i.local.cluster import start_components
from e2i.local.components import CONTROL_PLANE
from e2i.local.images import ImageStore
from e2i.local.layout import ClusterHome

pytestmark = pytest.mark.api

SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"


@pytest.fixture
def cluster(say: Callable[[str], None]) -> Iterator[TestCluster]:
    """A control plane of its own, because its past comes back."""
    with temporary_home("test-restored") as home:
        start_components(home, CONTROL_PLANE, say)
        bootstrap(home, home.root / "bentoml")
        install(home)
        yield TestCluster(home.kubeconfig, home)


@pytest.fixture
def operator(cluster: TestCluster, tmp_path: Path) -> Iterator[Operator]:
    assert cluster.home
    a_bento(tmp_path / "store", FIRST)
    a_bento(tmp_path / "store", SECOND, labels={"second": "yes"})
    with operating(cluster.home, tmp_path, tmp_path / "store") as running:
        yield running


@pytest.fixture
async def stage(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        yield made


class Backup:
    """A copy of etcd's folder. Meanwhile nothing answers, as in an outage."""

    def __init__(self, home: ClusterHome) -> None:
        self._home = home
        self._copy = home.root / "backup"
        with _Stopped(home):
            shutil.copytree(home.etcd, self._copy)

    def restore(self) -> None:
        with _Stopped(self._home):
            shutil.rmtree(self._home.etcd)
            shutil.copytree(self._copy, self._home.etcd)


class _Stopped:
    def __init__(self, home: ClusterHome) -> None:
        self._home = home

    def __enter__(self) -> None:
        for name in reversed(SERVERS):
            supervision.stop(self._home, name, print)

    def __exit__(self, *_: object) -> None:
        start_components(self._home, SERVERS, print)


@pytest.mark.deep
async def test_it_follows_the_restored_state_without_a_restart(
    cluster: TestCluster, operator: Operator, stage: Stage
) -> None:
    assert cluster.home
    await stage.create("kept", rollout={"scaleDownDelaySeconds": 0})
    await stage.create("deleted")
    await stage.ready()
    first = (await stage.model("kept"))["status"]["servingRelease"]
    backup = Backup(cluster.home)

    await stage.change("kept", bento={"tag": SECOND})
    await stage.create("new")
    await stage.kube.delete(E2I_MODELS, stage.namespace, "deleted")
    await stage.ready()
    second = (await stage.model("kept"))["status"]["servingRelease"]
    assert second != first
    later = await version(stage)
    backup.restore()
    assert await version(stage) < later

    # What is in the backup serves again, and what came after it is not made anew.
    await stage.ready("kept", "deleted")
    assert (await stage.model("kept"))["status"]["servingRelease"] == first
    children = {item["metadata"]["name"] for item in await stage.children(BENTO_DEPLOYMENTS)}
    assert children == {naming.release_name(name, first) for name in ("kept", "deleted")}
    # The operator sees changes whose versions it has seen before, with other contents.
    await stage.change("deleted", bento={"tag": SECOND})
    await stage.change("kept", bento={"tag": SECOND})
    await stage.ready("kept", "deleted")
    assert (await stage.model("kept"))["status"]["servingRelease"] == second
    assert operator.is_running
    assert operator.probe("/healthz") == 200
    assert "Traceback" not in operator.log.read_text()


async def version(stage: Stage) -> int:
    _, found = await stage.kube.list(E2I_MODELS, stage.namespace)
    return int(found)
