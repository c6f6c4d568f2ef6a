"""What the tests on a real API server share. A file that needs it otherwise has a fixture of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.operating import Operator, installed
from support.stage import Stage, staging
from support.stores import a_bento
from support.warmoperator import operating
from support.yatai import controllers

from e2i.local.images import ImageStore


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    """The control plane with the operator's CRD and rights."""
    return installed(
        control_plane, "a cluster of somebody's own has an operator, and a bucket that belongs to it"
    )


@pytest.fixture
async def stage(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    """A namespace in which Yatai's stand-in is at work; the test plays the node."""
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        yield made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two bentos of one name and different contents."""
    folder = tmp_path_factory.mktemp("store")
    a_bento(folder, "churn:1.0.0")
    a_bento(folder, "churn:2.0.0", labels={"second": "yes"})
    return folder


@pytest.fixture(scope="module")
def operator(
    cluster: TestCluster, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """The operator of a file's tests."""
    assert cluster.home
    with operating(cluster.home, tmp_path_factory.mktemp("operator"), store) as running:
        yield running
