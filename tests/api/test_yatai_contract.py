"""The stand-in's controllers on a real API server: what they make, when, and which faults they keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from support.cluster import TestCluster
from support.yatai import Workbench, conditions, controllers, made, workbench

from e2i.controller.core.render.memory import memory_limit
from e2i.kube import Object, Resource
from e2i.local.yatai.child_changes import LAST_APPLIED
from e2i.local.yatai.yatai_kinds import AUTOSCALER, BENTO, BENTO_DEPLOYMENT, DEPLOYMENT, SERVICE

pytestmark = pytest.mark.api
FIXTURES = Path(__file__).parent / "fixtures" / "yatai"
QUOTA = Resource("", "v1", "resourcequotas", "ResourceQuota")
TOUCHED = {"annotations": {"touched": "yes"}}


@pytest.fixture
async def idle(control_plane: TestCluster, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(control_plane, tmp_path) as bench:
        yield bench


@pytest.fixture
async def bench(control_plane: TestCluster, idle: Workbench) -> AsyncIterator[Workbench]:
    async with controllers(control_plane, idle.images):
        yield idle


def fixture(name: str, namespace: str) -> list[Object]:
    text = (FIXTURES / f"{name}.yaml").read_text().replace("<namespace>", namespace)
    return list(yaml.safe_load_all(text))


async def give(bench: Workbench, items: list[Object]) -> None:
    for item in items:
        kind = {"Bento": BENTO, "BentoDeployment": BENTO_DEPLOYMENT}[item["kind"]]
        await bench.kube.create(kind, bench.namespace, item)


@pytest.mark.parametrize("name", ["minimal", "all-options", "runners"])
async def test_children_are_as_recorded(bench: Workbench, name: str) -> None:
    inputs, *children = fixture(name, bench.namespace)
    await give(bench, inputs["given"])
    owner = inputs["given"][-1]["metadata"]["name"]
    await bench.condition(BENTO_DEPLOYMENT, owner, "Available", "True")
    uid = (await bench.seen(BENTO_DEPLOYMENT, owner))["metadata"]["uid"]
    for wanted in children:
        kind = {"Deployment": DEPLOYMENT, "HorizontalPodAutoscaler": AUTOSCALER, "Service": SERVICE}[
            wanted["kind"]
        ]
        found = made(await bench.seen(kind, wanted["metadata"]["name"]))
        text = yaml.safe_dump(wanted).replace("<uid of the BentoDeployment>", uid)
        assert found == yaml.safe_load(text)


async def test_available_says_only_that_the_objects_were_written(bench: Workbench) -> None:
    await bench.bento()
    await bench.deployment()
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    assert conditions(await bench.seen(BENTO_DEPLOYMENT, "plain")) == [
        ("Available", "True", "Reconciling", "Reconciling"),
        ("BentoFound", "True", "Reconciling", "Bento found"),
    ]
    assert not (await bench.seen(DEPLOYMENT, "plain")).get("status", {}).get("readyReplicas")


async def test_a_bento_that_comes_later_is_picked_up(bench: Workbench) -> None:
    await bench.deployment()
    missing = (
        f'get BentoRequest {bench.namespace}/fraud-v1: BentoRequest.resources.yatai.ai "fraud-v1" not found'
    )
    assert await bench.condition(BENTO_DEPLOYMENT, "plain", "BentoRequestFound", "True") == "Bento not found"
    assert await bench.condition(BENTO_DEPLOYMENT, "plain", "BentoFound", "False") == missing
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "Unknown")
    await bench.bento()
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")


async def test_a_deployment_stays_available_when_its_bento_goes(bench: Workbench) -> None:
    await bench.bento()
    await bench.deployment()
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    before = await bench.seen(DEPLOYMENT, "plain")
    await bench.kube.delete(BENTO, bench.namespace, "fraud-v1")
    await bench.condition(BENTO_DEPLOYMENT, "plain", "BentoRequestFound", "True")
    await bench.condition(BENTO_DEPLOYMENT, "plain", "BentoFound", "False")
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    assert (await bench.seen(DEPLOYMENT, "plain"))["metadata"]["generation"] == before["metadata"][
        "generation"
    ]


async def scaled_and_extended(bench: Workbench) -> Object:
    """A Deployment of three pods with two fields that Yatai does not write."""
    await bench.bento()
    await bench.deployment(autoscaling={"minReplicas": 1, "maxReplicas": 5})
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    startup = {"httpGet": {"path": "/livez", "port": "http"}, "failureThreshold": 60}
    container = {"name": "main", "startupProbe": startup, "env": [{"name": "EXTRA", "value": "1"}]}
    body = {"spec": {"replicas": 3, "template": {"spec": {"containers": [container]}}}}
    return await bench.patch(DEPLOYMENT, "plain", body, strategic=True)


async def test_fields_that_yatai_does_not_write_stay(control_plane: TestCluster, idle: Workbench) -> None:
    async with controllers(control_plane, idle.images):
        extended = await scaled_and_extended(idle)
        await idle.settle()
    async with controllers(control_plane, idle.images):
        await idle.patch(BENTO, "fraud-v1", {"metadata": TOUCHED})
        await idle.settle()
        assert (await idle.seen(DEPLOYMENT, "plain"))["spec"] == extended["spec"]


@pytest.mark.parametrize(("limit", "settles"), [("1G", False), (memory_limit("1G"), True)])
async def test_a_limit_comes_to_rest_if_the_api_server_stores_its_half_as_written(
    bench: Workbench, limit: str, settles: bool
) -> None:
    await bench.bento()
    await bench.deployment(
        resources={"limits": {"memory": limit}}, autoscaling={"minReplicas": 1, "maxReplicas": 5}
    )
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    await bench.patch(DEPLOYMENT, "plain", {"spec": {"replicas": 3}})
    await bench.patch(BENTO, "fraud-v1", {"metadata": TOUCHED})

    async def replaced() -> bool:
        return bool((await bench.seen(DEPLOYMENT, "plain"))["spec"]["replicas"] == 1)

    if settles:
        await bench.settle()
        assert not await replaced()
    else:
        await bench.until(replaced, "the replacement of a Deployment that differs in nothing")


@pytest.mark.parametrize("change", ["an environment variable", "a value that Yatai writes"])
async def test_an_update_replaces_everything_and_drops_to_one_replica(bench: Workbench, change: str) -> None:
    before = await scaled_and_extended(bench)
    if change == "an environment variable":
        await bench.patch(BENTO_DEPLOYMENT, "plain", {"spec": {"envs": [{"name": "A", "value": "1"}]}})
    else:
        probe = {"name": "main", "readinessProbe": {"failureThreshold": 99}}
        body = {"spec": {"template": {"spec": {"containers": [probe]}}}}
        await bench.patch(DEPLOYMENT, "plain", body, strategic=True)

    async def replaced() -> Object | None:
        live = await bench.seen(DEPLOYMENT, "plain")
        return live if "startupProbe" not in live["spec"]["template"]["spec"]["containers"][0] else None

    live = await bench.until(replaced, "the whole replacement")
    main = live["spec"]["template"]["spec"]["containers"][0]
    assert live["spec"]["replicas"] == 1
    assert "EXTRA" not in [variable["name"] for variable in main["env"]]
    assert main["readinessProbe"]["failureThreshold"] == 12
    assert live["metadata"]["uid"] == before["metadata"]["uid"]


async def test_scaling_alone_writes_only_the_autoscaler(bench: Workbench) -> None:
    extended = await scaled_and_extended(bench)
    bounds = {"minReplicas": 2, "maxReplicas": 7}
    await bench.patch(BENTO_DEPLOYMENT, "plain", {"spec": {"autoscaling": bounds}})

    async def scaled() -> bool:
        return bool((await bench.seen(AUTOSCALER, "plain"))["spec"]["maxReplicas"] == 7)

    await bench.until(scaled, "the new bounds")
    live = await bench.seen(DEPLOYMENT, "plain")
    assert live["spec"]["template"] == extended["spec"]["template"]
    assert live["metadata"]["annotations"][LAST_APPLIED] == extended["metadata"]["annotations"][LAST_APPLIED]


@pytest.mark.parametrize("resource", [DEPLOYMENT, AUTOSCALER, SERVICE], ids=lambda r: r.kind)
async def test_a_deleted_child_comes_back(bench: Workbench, resource: Resource) -> None:
    await bench.bento()
    await bench.deployment()
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    old = (await bench.seen(resource, "plain"))["metadata"]["uid"]
    await bench.kube.delete(resource, bench.namespace, "plain", propagation="Background")

    async def new() -> bool:
        live = await bench.get(resource, "plain")
        return live is not None and live["metadata"]["uid"] != old

    await bench.until(new, f"another {resource.kind}")


async def test_a_service_changed_by_hand_stays_changed(bench: Workbench) -> None:
    await bench.bento()
    await bench.deployment()
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    await bench.settle()
    await bench.patch(SERVICE, "plain", {"spec": {"selector": {"mine": "yes"}}})
    await bench.settle()
    assert (await bench.seen(SERVICE, "plain"))["spec"]["selector"]["mine"] == "yes"


async def test_a_service_of_somebody_else_is_written_over_and_keeps_its_owner(bench: Workbench) -> None:
    """Yatai asks whether there is a Service of the name, and not whose it is."""
    bento = await bench.bento()
    owner = {"apiVersion": BENTO.api_version, "kind": BENTO.kind, "name": bento["metadata"]["name"],
             "uid": bento["metadata"]["uid"], "controller": True}  # fmt: skip
    spec = {"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80}]}
    there = await bench.create(SERVICE, "plain", spec, labels={"app": "web"}, ownerReferences=[owner])
    await bench.deployment("plain")
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    found = await bench.seen(SERVICE, "plain")
    assert found["spec"]["selector"]["yatai.ai/bento-deployment"] == "plain"
    assert [port["name"] for port in found["spec"]["ports"]] == ["http", "http-non-proxy"]
    assert "app" not in found["metadata"]["labels"]
    assert found["metadata"]["ownerReferences"] == there["metadata"]["ownerReferences"]
    assert found["spec"]["clusterIP"] == there["spec"]["clusterIP"]


@pytest.mark.parametrize(
    ("resource", "name", "body"),
    [
        pytest.param(BENTO, "fraud-v1", {"metadata": TOUCHED}, id="its Bento is written"),
        pytest.param(BENTO_DEPLOYMENT, "plain", {"spec": TOUCHED}, id="its spec gets an annotation"),
    ],
)
async def test_an_error_is_tried_again_only_when(
    bench: Workbench, resource: Resource, name: str, body: Object
) -> None:
    await bench.bento()
    await bench.create(QUOTA, "none", {"hard": {"count/deployments.apps": "0"}})
    await bench.until(lambda: quota_counts(bench), "the quota")
    await bench.deployment()
    message = await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "False")
    assert message.startswith("Failed to reconcile BentoDeployment: create or update deployment: ")
    assert "exceeded quota" in message
    await bench.kube.delete(QUOTA, bench.namespace, "none")
    await bench.patch(BENTO_DEPLOYMENT, "plain", {"metadata": TOUCHED})
    await bench.settle()
    assert await bench.get(DEPLOYMENT, "plain") is None
    await bench.patch(resource, name, body)
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")


async def test_an_annotation_in_the_spec_changes_no_child(bench: Workbench) -> None:
    await scaled_and_extended(bench)
    await bench.settle()
    before = [await bench.seen(kind, "plain") for kind in (DEPLOYMENT, SERVICE)]
    await bench.patch(BENTO_DEPLOYMENT, "plain", {"spec": TOUCHED})
    await bench.settle()
    after = [await bench.seen(kind, "plain") for kind in (DEPLOYMENT, SERVICE)]
    assert [child["spec"] for child in after] == [child["spec"] for child in before]
    assert [child["metadata"]["labels"] for child in after] == [
        child["metadata"]["labels"] for child in before
    ]


async def quota_counts(bench: Workbench) -> bool:
    quota = await bench.get(QUOTA, "none")
    return bool(quota and quota.get("status", {}).get("used"))


async def test_a_bad_quantity_is_named_and_heals_when_corrected(bench: Workbench) -> None:
    await bench.bento()
    await bench.deployment(resources={"requests": {"cpu": "abc"}})
    message = await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "False")
    assert "failed to get resources config: parse requests cpu quantity: quantities must match" in message
    await bench.patch(BENTO_DEPLOYMENT, "plain", {"spec": {"resources": {"requests": {"cpu": "100m"}}}})
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")


async def test_a_runner_that_is_no_longer_in_the_bento_keeps_its_children(bench: Workbench) -> None:
    """As with the real one: only the API servers are started anew, with the runners inside."""
    await bench.bento(runners=[{"name": "trees"}])
    await bench.deployment()
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    await bench.patch(BENTO, "fraud-v1", {"spec": {"runners": None}})

    async def is_whole() -> bool:
        api = await bench.seen(DEPLOYMENT, "plain")
        return "bentoml serve" in api["spec"]["template"]["spec"]["containers"][0]["args"][0]

    await bench.until(is_whole, "API servers that have their runners inside")
    assert await bench.get(DEPLOYMENT, "plain-runner-0")


async def test_children_go_with_their_deployment(bench: Workbench) -> None:
    await bench.bento()
    await bench.deployment()
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "True")
    await bench.kube.delete(BENTO_DEPLOYMENT, bench.namespace, "plain")

    async def gone() -> bool:
        return all([await bench.get(kind, "plain") is None for kind in (DEPLOYMENT, AUTOSCALER, SERVICE)])

    await bench.until(gone, "garbage collection")
