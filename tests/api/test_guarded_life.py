"""A model lives in a guarded namespace as anywhere else: the policies let everybody work who has to do there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.guarding import guard, put_guard
from support.operating import Operator, installed
from support.stage import Stage, staging
from support.yatai import controllers

from e2i.kube import Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, E2I_MODELS, SERVICES
from e2i.local.images import ImageStore
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.api

AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    made = installed(control_plane, "the policies of a cluster of somebody's own are not changed")
    assert made.home
    put_guard(made.home)
    return made


@pytest.fixture
async def stage(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        await guard(made.kube, made.namespace)
        yield made


async def test_a_model_is_released_scaled_replaced_and_deleted(stage: Stage, operator: Operator) -> None:
    await stage.create(rollout={"scaleDownDelaySeconds": 0})
    await stage.ready()
    first = (await stage.model())["status"]["servingRelease"]

    kubectl(stage.home, "scale", f"--namespace={stage.namespace}", "e2im/churn", "--replicas=2")
    await stage.ready()

    async def has_two() -> bool:
        scaled, _ = await stage.kube.list(AUTOSCALERS, stage.namespace)
        sets, _ = await stage.kube.list(REPLICA_SETS, stage.namespace)
        return [each["spec"]["minReplicas"] for each in scaled] == [2] and 2 in [
            each["spec"]["replicas"] for each in sets
        ]

    await stage.until(has_two, "two pods, by the autoscaler")

    await stage.change(bento={"tag": "churn:2.0.0"})
    await stage.ready()
    assert (await stage.model())["status"]["servingRelease"] != first

    async def only_the_second() -> bool:
        return len(await stage.children(BENTO_DEPLOYMENTS)) == 1

    await stage.until(only_the_second, "the first release to go")
    await stage.kube.delete(E2I_MODELS, stage.namespace, "churn")

    async def nothing_is_left() -> bool:
        kinds = (BENTO_DEPLOYMENTS, SERVICES, AUTOSCALERS, REPLICA_SETS)
        return not [item for kind in kinds for item in (await stage.kube.list(kind, stage.namespace))[0]]

    await stage.until(nothing_is_left, "the garbage collector")
