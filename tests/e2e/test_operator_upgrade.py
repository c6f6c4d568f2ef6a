"""The operator's Deployment is rolled from the last release to this version and back, while requests come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.audit import Audit
from support.cluster import TestCluster
from support.e2e import FIRST, SECOND, place, ready
from support.release.__main__ import last_release
from support.rollouts import under_load, with_two_pods
from support.stage import Stage
from support.upgrading import source_of

from e2i.kube.e2i_kinds import PODS
from e2i.local.kubectl import kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.deep, pytest.mark.asyncio(loop_scope="module")]

RATE = 10.0
OPERATOR = ("deployment/e2i-operator", "--namespace=e2i-system")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        yield stage


def roll_to(stage: Stage, source: Path | None) -> None:
    """Give the operator's pods this code, that of the image if it is None, and wait until the old ones are gone."""
    # The node of the local cluster runs containers as processes: the variable decides which code is imported.
    kubectl(stage.home, "set", "env", *OPERATOR, f"PYTHONPATH={source}" if source else "PYTHONPATH-")
    kubectl(stage.home, "rollout", "status", *OPERATOR, "--timeout=240s")


async def test_models_serve_on_while_the_operator_goes_up_and_down_a_version(
    stage: Stage, tmp_path: Path
) -> None:
    older = source_of(last_release(), tmp_path)
    roll_to(stage, older)
    try:
        await with_two_pods(stage, "churn")
        await ready(stage, "churn")
        before = await pods_of(stage)
        async with under_load(stage, "churn", RATE) as run:
            audit = Audit(stage.home)
            for source in (None, older, None):
                roll_to(stage, source)
                await stage.touch("churn")
                assert (await ready(stage, "churn"))["status"]["servingRelease"] == run.before
            # Of the model and of every child, whatever its name.
            written = audit.written(stage.namespace)
        assert written == []
        assert await pods_of(stage) == before
        assert run.tally.failures == {}
        # A release that the older version began is ended by this one.
        async with under_load(stage, "churn", RATE) as run:
            roll_to(stage, older)
            await stage.change("churn", bento={"tag": SECOND})
            roll_to(stage, None)
            await ready(stage, "churn")
        assert run.tally.failures == {}
        assert run.tally.bentos == [FIRST, SECOND]
    finally:
        roll_to(stage, None)


async def pods_of(stage: Stage) -> list[tuple[str, str, int]]:
    """Name, uid and restarts of each."""
    return sorted(
        (
            pod["metadata"]["name"],
            pod["metadata"]["uid"],
            sum(container["restartCount"] for container in pod["status"]["containerStatuses"]),
        )
        for pod in await stage.children(PODS)
    )
