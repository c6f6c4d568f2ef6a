"""Kinds that are missing, come late, go and come back: the operator waits, says so, and goes on without a restart."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.operating import PROJECT, Operator, apply_files, install, installed, wait_for_kinds
from support.stage import Stage, staging
from support.warmoperator import operating
from support.yatai import controllers

from e2i.api import naming
from e2i.kube import ApiError, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, SERVICES
from e2i.local.images import ImageStore
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome

pytestmark = pytest.mark.api

OF_YATAI = PROJECT / "operator" / "src" / "e2i" / "local" / "yatai" / "crds"


@pytest.fixture(scope="module")
def home(control_plane: TestCluster) -> ClusterHome:
    cluster = installed(control_plane, "removes and installs the CRDs of a cluster of its own")
    assert cluster.home
    return cluster.home


@pytest.fixture
async def stage(control_plane: TestCluster, home: ClusterHome, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(control_plane) as made, controllers(control_plane, ImageStore(tmp_path / "images")):
        yield made


@pytest.fixture
def operator(home: ClusterHome, store: Path, tmp_path: Path) -> Iterator[Operator]:
    with operating(home, tmp_path, store) as running:
        yield running
        assert running.is_running, "it goes on without a restart"
        # The Lease is free at once for the operator of the next test.
        assert running.stop() == 0


@contextlib.contextmanager
def without(home: ClusterHome, kind: Resource) -> Iterator[None]:
    """The kind is not there while the block lasts, and neither are its objects."""
    kubectl(home, "delete", "crd", _name(kind))
    try:
        yield
    finally:
        give(home, kind)


def give(home: ClusterHome, kind: Resource) -> None:
    if kind is E2I_MODELS:
        install(home)
    else:
        apply_files(home, *sorted(OF_YATAI.glob("*.yaml")))
        wait_for_kinds(home, _name(kind))


def _name(kind: Resource) -> str:
    return f"{kind.plural}.{kind.group}"


async def test_it_waits_for_its_own_kind(
    home: ClusterHome, store: Path, tmp_path: Path, stage: Stage
) -> None:
    with without(home, E2I_MODELS), operating(home, tmp_path, store) as operator:

        async def waits() -> bool:
            return any("cannot start yet" in line["message"] for line in operator.said())

        await stage.until(waits, "the operator to say what it waits for")
        assert (operator.probe("/healthz"), operator.probe("/readyz")) == (200, 503)
        give(home, E2I_MODELS)
        await stage.create()
        await stage.reason("BuildBlocked")
        assert (operator.probe("/healthz"), operator.probe("/readyz")) == (200, 200)
        assert operator.stop() == 0


async def test_its_own_kind_goes_and_comes_back(home: ClusterHome, operator: Operator, stage: Stage) -> None:
    await stage.create()
    await stage.ready()
    with without(home, E2I_MODELS):

        async def unready() -> bool:
            return operator.probe("/readyz") == 503

        await stage.until(unready, "the operator to be unready")
        assert operator.probe("/healthz") == 200
    # All models went with their kind, and their children with them. Now people apply them again.
    await stage.create()
    await stage.ready()
    assert operator.probe("/readyz") == 200


@pytest.mark.parametrize("kind", [BENTO_DEPLOYMENTS, BENTO_REQUESTS], ids=lambda kind: kind.plural)
async def test_a_kind_of_yatai_goes_and_comes_back(
    home: ClusterHome, operator: Operator, stage: Stage, kind: Resource
) -> None:
    await stage.create()
    await stage.ready()
    serving = (await stage.model())["status"]["servingRelease"]
    with without(home, kind):
        assert kind.kind in await stage.reason("YataiNotInstalled")
        assert operator.probe("/healthz") == 200
        assert await stage.child(SERVICES, "churn"), "the address stays"

    async def made_again() -> bool:
        with contextlib.suppress(ApiError):
            return bool(await stage.children(kind))
        return False

    await stage.until(made_again, f"the {kind.kind} to be made again")
    await stage.ready()
    status = (await stage.model())["status"]
    assert status["servingRelease"] == serving
    assert not status.get("failedReleases")
    service = await stage.child(SERVICES, "churn")
    assert service
    assert service["spec"]["selector"] == naming.pod_labels("churn", serving)
