"""What the tests on a real API server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.operating import Operator, operating
from support.stores import a_bento


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one bento. A file whose tests need others has a fixture of its own."""
    folder = tmp_path_factory.mktemp("store")
    a_bento(folder, "churn:1.0.0")
    return folder


@pytest.fixture(scope="module")
def operator(
    cluster: TestCluster, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """The operator of a file's tests. The file says which `cluster` it has, and which `store` it reads."""
    assert cluster.home
    with operating(cluster.home, tmp_path_factory.mktemp("operator"), store) as running:
        yield running
