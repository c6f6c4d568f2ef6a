"""Shared fixtures: a real API server for tests marked api, the whole local cluster for tests marked e2e."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cluster import TestCluster, temporary_home

from e2i.local.bootstrap import bootstrap
from e2i.local.cluster import OVERLAY, bring_up, start_components
from e2i.local.components import CONTROL_PLANE


@pytest.fixture(scope="session")
def control_plane(say: Callable[[str], None]) -> Iterator[TestCluster]:
    """etcd, API server, controller manager, scheduler and S3 with Yatai's CRDs; no node, no controllers of ours."""
    if own := os.environ.get("E2I_TEST_KUBECONFIG"):
        yield TestCluster(Path(own), None)
        return
    with temporary_home("test-api") as home:
        start_components(home, CONTROL_PLANE, say)
        bootstrap(home, home.root / "bentoml")
        yield TestCluster(home.kubeconfig, home)


@pytest.fixture(scope="session")
def local_cluster(say: Callable[[str], None]) -> Iterator[TestCluster]:
    """The whole local cluster with the operator; its BentoML store is `bentoml` in the cluster's folder."""
    with temporary_home("test-e2e") as home:
        bring_up(home, say, bento_store=home.root / "bentoml", overlay=OVERLAY)
        yield TestCluster(home.kubeconfig, home)


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a line past pytest's capture: at the first time, the cluster's tools are built for minutes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def print_line(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"  {line}", flush=True)  # noqa: T201

    return print_line
