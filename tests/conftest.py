"""Shared fixtures: a real API server for tests marked api, the whole local cluster for tests marked e2e."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import deep
from support.cluster import Kept, TestCluster, choose_kubernetes, temporary_home
from support.durations import Durations
from support.rights_report import RightsNote, RightsReport

from e2i.local.bootstrap import bootstrap
from e2i.local.cluster import bring_up, overlay_of, start_components
from e2i.local.components import CONTROL_PLANE
from e2i.local.kubernetes_versions import NEWEST, VERSIONS

# Models here are small, and on a busy machine threads that wait for each other make training many times slower. Set
# before numpy is imported; programs that tests start inherit it.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# Each lane would compile all tests again, and each program that a test starts the modules of this project.
sys.dont_write_bytecode = False

# The clusters of tests hold little and live for minutes: their Go programs collect garbage more rarely than in the
# clusters of users, and etcd does not wait for the disk. Both only as long as nobody says otherwise.
for _name, _value in (("GOGC", "400"), ("GOMEMLIMIT", "1GiB"), ("ETCD_UNSAFE_NO_FSYNC", "true")):
    os.environ.setdefault(_name, _value)

KEPT = pytest.StashKey[Kept]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kubeconfig", type=Path, help="run on this cluster; what it cannot show is skipped")
    parser.addoption("--bento-store", type=Path, help="with --kubeconfig: the store that its operator reads")
    parser.addoption(
        "--kubernetes",
        choices=VERSIONS,
        default=NEWEST,
        help="version of clusters made here",
    )
    parser.addoption(
        "--s3-port", type=int, help="run tests/s3 on this server of the loopback; its keys: support/s3.py"
    )
    parser.addoption("--deep", action="store_true", help="run the long tests too, and many more examples")


def pytest_configure(config: pytest.Config) -> None:
    deep.choose(deep=config.getoption("deep"))
    choose_kubernetes(config.getoption("kubernetes"))
    # In the process that leads the workers.
    if config.getoption("numprocesses", None):
        from support import lanes

        config.pluginmanager.register(lanes)
        config.pluginmanager.register(Durations(config))
        config.pluginmanager.register(RightsReport(config))
    elif hasattr(config, "workerinput"):
        config.pluginmanager.register(RightsNote())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("deep"):
        long = [item for item in items if item.get_closest_marker("deep")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("deep")]


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    running = request.config.stash.setdefault(KEPT, Kept())
    yield running
    running.end_all_but(())


@pytest.fixture(scope="session")
def elsewhere(pytestconfig: pytest.Config) -> TestCluster | None:
    """The cluster of --kubeconfig."""
    kubeconfig = pytestconfig.getoption("kubeconfig")
    return kubeconfig and TestCluster(kubeconfig, None, pytestconfig.getoption("bento_store"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """A cluster that no test of the next file needs would take CPU from all tests that follow."""
    yield
    if kept := item.config.stash.get(KEPT, None):
        kept.end_unneeded(item, nextitem)


@pytest.fixture(scope="module")
def control_plane(elsewhere: TestCluster | None, kept: Kept, say: Callable[[str], None]) -> TestCluster:
    """etcd, API server, controller manager, scheduler and S3 with Yatai's CRDs; no node, no controllers of ours."""
    return elsewhere or kept.enter("control_plane", lambda: _control_plane(say))


@contextlib.contextmanager
def _control_plane(say: Callable[[str], None]) -> Iterator[TestCluster]:
    with temporary_home("test-api") as home:
        start_components(home, CONTROL_PLANE, say)
        bootstrap(home, home.root / "bentoml")
        yield TestCluster(home.kubeconfig, home)


@pytest.fixture(scope="module")
def local_cluster(elsewhere: TestCluster | None, kept: Kept, say: Callable[[str], None]) -> TestCluster:
    """The whole local cluster with the operator; its BentoML store is `bentoml` in the cluster's folder."""
    return elsewhere or kept.enter("local_cluster", lambda: _local_cluster(say))


@contextlib.contextmanager
def _local_cluster(say: Callable[[str], None]) -> Iterator[TestCluster]:
    with temporary_home("test-e2e") as home:
        bring_up(home, say, bento_store=home.root / "bentoml", overlay=overlay_of(home))
        yield TestCluster(home.kubeconfig, home)


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a line past pytest's capture: at the first time, the cluster's tools are built for minutes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def print_line(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"  {line}", flush=True)  # noqa: T201

    return print_line
