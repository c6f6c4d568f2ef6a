"""Fixtures for tests on the local cluster: one bento in its store, and a namespace for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.built_bentos import put_sample
from support.cluster import TestCluster
from support.e2e import bento_folder, place
from support.stage import Stage


@pytest.fixture(scope="module")
def store(local_cluster: TestCluster) -> Path:
    """The BentoML store that the operator reads, with churn_model:1.0.0 in it."""
    assert local_cluster.home
    folder = local_cluster.home.root / "bentoml"
    if not bento_folder(folder, "churn_model:1.0.0").exists():
        put_sample(folder, "churn")
    return folder


@pytest.fixture
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        yield stage
