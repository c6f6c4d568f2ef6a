"""A tenant that floods the API server with models or with changes of one: another's model is served meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.audit import Audit
from support.cluster import TestCluster
from support.stage import PATIENCE, Stage, staging
from support.warmoperator import operating
from support.yatai import controllers

from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS
from e2i.local.images import ImageStore

pytestmark = pytest.mark.api

MODELS = 150
"""New models of one namespace: many times as many as the operator has workers."""
FLOOD = 5.0
"""Seconds in which a spec is changed as fast as the API server takes it."""


@pytest.fixture
async def tenant(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        yield made


@pytest.fixture
async def neighbour(cluster: TestCluster) -> AsyncIterator[Stage]:
    async with staging(cluster) as made:
        yield made


async def test_hundreds_of_new_models_of_one_namespace_do_not_come_before_one_of_another(
    tenant: Stage, neighbour: Stage, store: Path, tmp_path: Path
) -> None:
    """All are there when the operator starts, the neighbour's last. Counted, not timed: machines differ."""
    for number in range(MODELS):
        await tenant.create(f"flood-{number}")
    await neighbour.create()
    with operating(tenant.home, tmp_path, store):

        async def begun() -> bool:
            return bool(await neighbour.children(BENTO_REQUESTS))

        await neighbour.until(begun, "the neighbour's request", 4 * PATIENCE)
        before = len(await tenant.children(BENTO_REQUESTS))
        print(f"{before} of {MODELS} came before the neighbour's")  # noqa: T201
        assert before < MODELS / 2
        await neighbour.ready()


async def test_a_spec_that_never_rests_costs_a_bounded_number_of_writes_and_holds_up_nobody(
    tenant: Stage, neighbour: Stage, store: Path, tmp_path: Path
) -> None:
    """Every change of the environment asks for another release."""
    with operating(tenant.home, tmp_path, store):
        await tenant.create()
        await tenant.ready()
        audit = Audit(tenant.home)
        begun, changes = time.monotonic(), 0
        creating = asyncio.create_task(served(neighbour))
        while not creating.done() or time.monotonic() < begun + FLOOD:
            await tenant.change(env=[{"name": "NUMBER", "value": str(changes)}])
            changes += 1
        lasted = time.monotonic() - begun
        await creating
        written = audit.writes()
        made = written.count(("patch", "bentodeployments"))
        print(f"{changes} changes in {lasted:.1f} s: {len(written)} writes, {made} of BentoDeployments")  # noqa: T201
        # Twenty at any rate, then one a second, and a few until the log was read.
        assert made <= 20 + lasted + 5
        # The last one counts.
        await tenant.ready()
        (child,) = [each for each in await tenant.children(BENTO_DEPLOYMENTS) if wants(each, changes - 1)]
        assert child["metadata"]["name"].endswith((await tenant.model())["status"]["servingRelease"])


async def served(stage: Stage) -> None:
    await stage.create()
    await stage.ready()


def wants(child: dict[str, Any], number: int) -> bool:
    return {"name": "NUMBER", "value": str(number)} in child["spec"].get("envs", ())
