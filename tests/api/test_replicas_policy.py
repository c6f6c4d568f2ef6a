"""The policy e2i-replicas on a real API server: Yatai's edits keep the number of pods, others change it as before."""

from __future__ import annotations

import asyncio
import copy
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.cluster import TestCluster
from support.operating import Operator, apply_policies, installed
from support.stage import Stage, staging
from support.yatai import controllers

from e2i.api import naming
from e2i.kube import Object
from e2i.kube.e2i_kinds import DEPLOYMENTS
from e2i.local.images import ImageStore

pytestmark = pytest.mark.api

POLICY = Path(__file__).resolve().parents[2] / "manifests" / "policies" / "replicas.yaml"
PODS = 3
OURS = {"serving.e2i.dev/model": "churn"}
YATAIS = {"yatai.ai/bento-deployment": "churn"}


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    made = installed(control_plane, "the policies of a cluster of somebody's own are not changed")
    assert made.home
    apply_policies(made.home, POLICY)
    return made


@pytest.fixture
async def stage(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        deployment = await create(made, "probe")

        async def in_force() -> bool:
            """An API server needs a moment to take a policy up."""
            await made.kube.patch(DEPLOYMENTS, made.namespace, "probe", {"spec": {"replicas": PODS}})
            return await after(made, edited(deployment)) == PODS

        await made.until(in_force, "the policy")
        yield made


async def create(stage: Stage, name: str, **changes: Any) -> Object:
    """A Deployment as yatai-deployment makes it, with as many pods as the autoscaler gave it."""
    labels = {"app": name}
    body: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": stage.namespace, "labels": YATAIS}
        | changes.get("metadata", {}),
        "spec": {
            "replicas": PODS,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels | changes.get("ours", OURS)},
                # Never scheduled: only the number counts here.
                "spec": {"containers": [{"name": "main", "image": "v1"}], "schedulerName": "nobody"},
            },
        },
    }
    await stage.kube.create(DEPLOYMENTS, stage.namespace, body)
    return body


def edited(body: Object, **spec: Any) -> Object:
    """The whole object with another image, as yatai-deployment sends it: without a number of pods."""
    sent = copy.deepcopy(body)
    sent["spec"]["template"]["spec"]["containers"][0]["image"] = "v2"
    sent["spec"].pop("replicas")
    return {**sent, "spec": sent["spec"] | spec}


async def after(stage: Stage, sent: Object) -> int:
    """Return how many pods are asked for after this was written."""
    return int((await stage.kube.replace(DEPLOYMENTS, sent))["spec"]["replicas"])


async def test_an_edit_without_a_number_keeps_it(stage: Stage) -> None:
    body = await create(stage, f"churn-{uuid.uuid4().hex[:4]}")
    assert await after(stage, edited(body)) == PODS
    assert await after(stage, edited(body, strategy={"type": "Recreate"})) == PODS


async def test_who_asks_for_one_pod_gets_one(stage: Stage) -> None:
    for subresource in ("scale", ""):
        body = await create(stage, f"churn-{subresource or 'itself'}")
        name = body["metadata"]["name"]
        one = {"spec": {"replicas": 1}}
        await stage.kube.patch(DEPLOYMENTS, stage.namespace, name, one, subresource=subresource)
        live = await stage.child(DEPLOYMENTS, name)
        assert live
        assert live["spec"]["replicas"] == 1


async def test_two_pods_may_be_asked_for_with_an_edit(stage: Stage) -> None:
    body = await create(stage, "churn-two")
    assert await after(stage, edited(body, replicas=2)) == 2


@pytest.mark.parametrize(
    "changes", [{"metadata": {"labels": {}}}, {"ours": {}}], ids=["not Yatai's", "not a model's"]
)
async def test_deployments_of_others_are_as_they_were(stage: Stage, changes: dict[str, Any]) -> None:
    body = await create(stage, f"other-{uuid.uuid4().hex[:4]}", **changes)
    assert await after(stage, edited(body)) == 1


async def test_an_edit_in_place_takes_no_pods_away(stage: Stage, operator: Operator) -> None:
    await stage.create(replicas=PODS, rollout={"strategy": "InPlace"})
    name = naming.inplace_name("churn")
    await grown(stage, name)
    await stage.ready()
    before = await stage.child(DEPLOYMENTS, name)
    assert before
    lowest = asyncio.create_task(lowest_number(stage, name, before["metadata"]["generation"]))
    await stage.change(env=[{"name": "LEVEL", "value": "2"}])
    assert await lowest == PODS
    await stage.ready()


async def grown(stage: Stage, name: str) -> None:
    """Give the Deployment its pods as the autoscaler would, which looks only every fifteen seconds."""

    async def made() -> Object | None:
        await stage.end_builds()
        return await stage.child(DEPLOYMENTS, name)

    await stage.until(made, "the Deployment")
    wanted = {"spec": {"replicas": PODS}}
    await stage.kube.patch(DEPLOYMENTS, stage.namespace, name, wanted, subresource="scale")


async def lowest_number(stage: Stage, name: str, generation: int) -> int:
    """Return the lowest number of pods that is asked for from the edit on until it is done."""
    lowest, deadline = PODS, time.monotonic() + 60
    while True:
        live = await stage.child(DEPLOYMENTS, name)
        assert live
        assert time.monotonic() < deadline, "the edit is not done"
        await stage.start_pods()
        lowest = min(lowest, live["spec"]["replicas"])
        status = live["status"]
        is_edited = live["metadata"]["generation"] > generation
        seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
        if is_edited and seen and status.get("updatedReplicas") == status.get("readyReplicas") == PODS:
            return lowest
        await asyncio.sleep(0.1)
