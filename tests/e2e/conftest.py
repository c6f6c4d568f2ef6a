"""What the end-to-end tests share: the bentos in the cluster's store."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.e2e import build_moody


@pytest.fixture(scope="module")
def store(local_cluster: TestCluster) -> Path:
    """The BentoML store that the operator reads."""
    if local_cluster.store:
        build_moody(local_cluster.store)
        return local_cluster.store
    folder = local_cluster.own_home("without --bento-store there is no store for new bentos").root / "bentoml"
    build_moody(folder)
    return folder
