"""What the operator puts back on a real API server: the Service after any edit, pods after a scale to zero, owners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.audit import Audit
from support.cluster import TestCluster
from support.operating import Operator
from support.stage import Stage, condition, staging
from support.yatai import controllers

from e2i.api import naming
from e2i.kube import Object
from e2i.kube.e2i_kinds import (
    BENTO_DEPLOYMENTS,
    BENTO_REQUESTS,
    BENTOES,
    BUDGETS,
    DEPLOYMENTS,
    E2I_MODELS,
    SERVICES,
)
from e2i.local.images import ImageStore
from e2i.local.yatai.yatai_kinds import AUTOSCALER

pytestmark = pytest.mark.api

OURS = {"name": "http", "port": 3000, "targetPort": "http", "protocol": "TCP"}
SPEC_EDITS: dict[str, Object] = {
    "another target": {"ports": [OURS | {"targetPort": 9999}]},
    "another port of the same name": {"ports": [OURS | {"port": 80}]},
    "one port more": {"ports": [OURS, {"name": "more", "port": 8080, "targetPort": 8080}]},
    "another protocol": {"ports": [OURS | {"protocol": "UDP"}]},
    "another name": {"ports": [OURS | {"name": "web"}]},
    "another selector": {"selector": {"app": "debug"}},
    "one label more to select": {"selector": {"app": "debug", "tier": "x"}},
    "a node port": {"type": "NodePort"},
    "a load balancer": {"type": "LoadBalancer"},
    "an external name": {"type": "ExternalName", "externalName": "elsewhere.example"},
}
NEXT = {"bento": {"tag": "unknown:1"}}
"""A spec that stands in the way of everything but the care of what serves."""


@pytest.fixture
async def stage(cluster: TestCluster, operator: Operator, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        await made.create()
        await made.ready()
        yield made


def rendered(service: Object) -> dict[str, Any]:
    """What the operator writes of it."""
    spec = service["spec"]
    ports = [{key: port.get(key) for key in OURS} for port in spec.get("ports", ())]
    labels = {key: service["metadata"].get("labels", {}).get(key) for key in naming.labels("churn")}
    return {"type": spec["type"], "selector": spec.get("selector"), "ports": ports, "labels": labels}


async def put_back(stage: Stage, before: Object, what: str) -> Object:
    async def same() -> Object | None:
        found = await stage.child(SERVICES, "churn")
        return found if found and rendered(found) == rendered(before) else None

    found: Object = await stage.until(same, f"the Service to be as rendered after {what}")
    return found


BUDGET_EDITS: dict[str, Object] = {
    "none may go": {"maxUnavailable": 0},
    "the other field": {"maxUnavailable": None, "minAvailable": 2},
    "another selector": {"selector": {"matchLabels": {"app": "debug"}}},
    "unhealthy pods stay": {"unhealthyPodEvictionPolicy": "IfHealthyBudget"},
}


async def test_a_disruption_budget_comes_with_a_second_pod_and_is_as_rendered_again_after_any_edit(
    stage: Stage,
) -> None:
    assert await stage.child(BUDGETS, "churn") is None
    await stage.change(replicas=2)
    await stage.ready()
    before = await stage.until(lambda: stage.child(BUDGETS, "churn"), "the budget")
    for what, spec in BUDGET_EDITS.items():
        await stage.kube.patch(BUDGETS, stage.namespace, "churn", {"spec": spec}, manager="kubectl-edit")

        async def same() -> bool:
            found = await stage.child(BUDGETS, "churn")
            return bool(found and found["spec"] == before["spec"])

        await stage.until(same, f"the budget to be as rendered after {what}")
    await stage.change(replicas=1)

    async def gone() -> bool:
        return await stage.child(BUDGETS, "churn") is None

    await stage.until(gone, "the budget to go")


async def test_a_service_is_as_rendered_again_after_any_edit(stage: Stage) -> None:
    before = await stage.child(SERVICES, "churn")
    assert before
    await stage.change(**NEXT)
    await stage.reason("BentoNotFound")
    mesh = {"metadata": {"annotations": {"mesh.example/inject": "yes"}, "labels": {"team": "a"}}}
    await stage.kube.patch(SERVICES, stage.namespace, "churn", mesh)
    for what, spec in SPEC_EDITS.items():
        await stage.kube.patch(SERVICES, stage.namespace, "churn", {"spec": spec}, manager="kubectl-edit")
        await put_back(stage, before, what)
    bare = {"metadata": {"labels": dict.fromkeys(naming.labels("churn"))}}
    await stage.kube.patch(SERVICES, stage.namespace, "churn", bare)
    found = await put_back(stage, before, "its labels were removed")
    assert found["metadata"]["annotations"]["mesh.example/inject"] == "yes"
    assert found["metadata"]["labels"]["team"] == "a"
    assert found["metadata"]["uid"] == before["metadata"]["uid"], "it was never deleted"
    audit = Audit(stage.home)
    await stage.touch("churn")
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert ("patch", "services") not in audit.writes(), "once it is right it is left in peace"
        await asyncio.sleep(0.1)


METRICS = [
    {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": {
        "type": "AverageValue", "averageValue": "1.5"}}},
    {"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "churn"}, "metric": {"name": "hits"},
                                  "target": {"type": "Value", "value": 100}}},
    {"type": "External", "external": {"metric": {"name": "queue", "selector": {"matchLabels": {"queue": "churn"}}},
                                      "target": {"type": "AverageValue", "averageValue": "1024Mi"}}},
    {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
]  # fmt: skip


async def test_metrics_of_all_types_reach_the_autoscaler_and_nobody_writes_them_again(stage: Stage) -> None:
    release = (await stage.model())["status"]["servingRelease"]
    name = naming.release_name("churn", release)
    await stage.change(autoscaling={"minReplicas": 1, "maxReplicas": 3, "metrics": METRICS})

    async def scaler() -> Object | None:
        found = await stage.child(AUTOSCALER, name)
        return found if found and len(found["spec"]["metrics"]) == len(METRICS) else None

    before = await stage.until(scaler, "the metrics at the autoscaler")
    assert [each["type"] for each in before["spec"]["metrics"]] == ["Pods", "Object", "External", "Resource"]
    assert before["spec"]["metrics"][0]["pods"]["target"]["averageValue"] == "1500m"
    audit = Audit(stage.home)
    await stage.touch("churn")
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert ("patch", "bentodeployments") not in audit.writes()
        await asyncio.sleep(0.1)
    after = await stage.child(AUTOSCALER, name)
    assert after
    assert after["spec"] == before["spec"]


async def test_a_deployment_at_zero_is_scaled_up(stage: Stage) -> None:
    await stage.change(**NEXT)
    await stage.reason("BentoNotFound")
    release = (await stage.model())["status"]["servingRelease"]
    name = naming.release_name("churn", release)
    before = await stage.child(DEPLOYMENTS, name)
    body = {"spec": {"replicas": 0}}
    await stage.kube.patch(DEPLOYMENTS, stage.namespace, name, body, subresource="scale")

    async def serves() -> bool:
        await stage.start_pods()
        found = await stage.child(DEPLOYMENTS, name)
        return bool(found and found["spec"]["replicas"] == 1 and found["status"].get("readyReplicas") == 1)

    await stage.until(serves, "the pod to be back")
    after = await stage.child(DEPLOYMENTS, name)
    assert before
    assert after
    assert after["spec"]["template"] == before["spec"]["template"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def test_a_deleted_bento_is_made_again(stage: Stage) -> None:
    (request,) = await stage.children(BENTO_REQUESTS)
    name = request["metadata"]["name"]
    await stage.kube.delete(BENTOES, stage.namespace, name)
    # yatai-deployment looks for it when its BentoDeployment changes.
    await stage.change(replicas=2)

    async def is_back() -> Object | None:
        await stage.end_builds()
        return await stage.child(BENTOES, name)

    await stage.until(is_back, "the Bento to be built again")


async def test_children_of_a_model_that_was_deleted_alone_are_adopted(stage: Stage) -> None:
    served = (await stage.model())["status"]["servingRelease"]
    audit = Audit(stage.home)
    await stage.kube.delete(E2I_MODELS, stage.namespace, "churn", propagation="Orphan")

    async def orphaned() -> bool:
        # While the collector orphans the children, the model is still there, under a finalizer.
        if await stage.child(E2I_MODELS, "churn"):
            return False
        children = [child for kind in (SERVICES, BENTO_DEPLOYMENTS) for child in await stage.children(kind)]
        mine = [child for child in children if not _owned_by(child, "BentoDeployment")]
        return not any(child["metadata"].get("ownerReferences") for child in mine)

    await stage.until(orphaned, "the children to lose their owner")
    await stage.create()
    await stage.ready()
    model = await stage.model()
    assert model["status"]["servingRelease"] == served
    assert (condition(model, "ReleaseServing") or {})["status"] == "True"
    for kind in (BENTO_REQUESTS, BENTO_DEPLOYMENTS):
        (child,) = await stage.children(kind)
        assert _owned_by(child, naming.KIND)
        assert child["metadata"]["ownerReferences"][0]["uid"] == model["metadata"]["uid"]
    assert ("delete", "bentodeployments") not in audit.writes()


def _owned_by(child: Object, kind: str) -> bool:
    return any(owner["kind"] == kind for owner in child["metadata"].get("ownerReferences", ()))
