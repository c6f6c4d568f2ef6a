"""What the end-to-end tests share: the bentos in the cluster's store."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.e2e import build_moody


@pytest.fixture(scope="module")
def store(local_cluster: TestCluster) -> Path:
    """The BentoML store that the operator reads."""
    assert local_cluster.home
    folder = local_cluster.home.root / "bentoml"
    build_moody(folder)
    return folder
