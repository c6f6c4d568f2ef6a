"""An operator for one namespace or for some, with rights there alone: it serves their models and asks nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml
from support.audit import Audit
from support.cluster import TestCluster
from support.operating import install, installed
from support.stage import Stage, staging
from support.warmoperator import operating
from support.yatai import controllers

from e2i.kube.e2i_kinds import E2I_MODELS, SERVICES
from e2i.local.images import ImageStore
from e2i.local.kubectl import apply_all, kubectl

pytestmark = pytest.mark.api

BINDING = (
    Path(__file__).resolve().parents[2] / "kustomize" / "components" / "namespaces" / "rolebindings.yaml"
)


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> Iterator[TestCluster]:
    """As the component `namespaces` leaves it: the operator has no rights in the whole cluster."""
    made = installed(control_plane, "takes rights from the operator of a cluster of its own")
    assert made.home
    kubectl(made.home, "delete", "clusterrolebinding", "e2i-operator")
    yield made
    install(made.home)


@pytest.fixture
async def stages(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[list[Stage]]:
    """Three namespaces, with Yatai at work in all of them."""
    async with contextlib.AsyncExitStack() as stack:
        made = [await stack.enter_async_context(staging(cluster)) for _ in range(3)]
        await stack.enter_async_context(controllers(cluster, ImageStore(tmp_path / "images")))
        yield made


def bind(stage: Stage) -> None:
    binding = yaml.safe_load(BINDING.read_text())
    binding["metadata"]["namespace"] = stage.namespace
    apply_all(stage.home, [], [binding])


@pytest.mark.parametrize("served", [1, 2], ids=["one namespace", "two namespaces"])
async def test_it_serves_its_namespaces_and_looks_at_no_other(
    stages: list[Stage], store: Path, tmp_path: Path, served: int
) -> None:
    ours, others = stages[:served], stages[served:]
    for stage in ours:
        bind(stage)
    audit = Audit(stages[0].home)
    for stage in stages:
        await stage.create()
    namespaces = ",".join(stage.namespace for stage in ours)
    with operating(stages[0].home, tmp_path, store, E2I_NAMESPACES=namespaces) as operator:
        for stage in ours:
            await stage.ready()
        for stage in ours:
            await stage.kube.delete(E2I_MODELS, stage.namespace, "churn")
            await stage.until(lambda at=stage: _is_gone(at), "the model's Service to go")
        assert operator.probe("/readyz") == 200
    assert [(await stage.model()).get("status") for stage in others] == [None] * len(others)
    assert audit.refused() == []
    assert audit.namespaces() - {"e2i-system", ""} == {stage.namespace for stage in ours}
    assert audit.requests_without_namespace() == []


async def _is_gone(stage: Stage) -> bool:
    return await stage.child(SERVICES, "churn") is None


async def test_a_namespace_without_rights_is_named(stages: list[Stage], store: Path, tmp_path: Path) -> None:
    stage = stages[0]
    with operating(stage.home, tmp_path, store, E2I_NAMESPACES=stage.namespace) as operator:

        async def says_why() -> bool:
            return any(f'in the namespace "{stage.namespace}"' in line["message"] for line in operator.said())

        await stage.until(says_why, "the log to name the namespace")
        print([line["message"] for line in operator.said()])  # noqa: T201 - to be read as users would
        assert operator.is_running
        bind(stage)
        await stage.create()
        await stage.ready()
