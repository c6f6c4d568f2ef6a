"""Where the pods of a model run: on the local cluster each field has its effect, or what it waits for is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from support.cluster import TestCluster
from support.e2e import (
    FIRST,
    SECRETS,
    address,
    answered_by,
    bento_folder,
    copy_bento,
    create,
    place,
    ready,
    told,
)
from support.golden import PLACED
from support.stage import Stage

from e2i.api import naming
from e2i.kube import Object, Resource
from e2i.kube.e2i_kinds import PODS
from e2i.local.demo_traffic import new_session, predict
from e2i.local.kubectl import kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
POOL = "e2i.test/pool"
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        yield stage
        await label_node(stage, None)


async def label_node(stage: Stage, pool: str | None) -> None:
    nodes, _ = await stage.kube.list(NODES, None)
    for node in nodes:
        await stage.kube.patch(NODES, None, node["metadata"]["name"], {"metadata": {"labels": {POOL: pool}}})


async def pod_of(stage: Stage, model: str) -> Object:
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.MODEL_LABEL}={model}")
    (pod,) = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return pod["spec"]


async def test_a_selector_that_no_node_meets_is_named_and_the_pod_runs_once_one_does(stage: Stage) -> None:
    await create(stage, "picky", nodeSelector={POOL: "gpu"})
    assert "or change spec.nodeSelector" in await told(stage, "picky", "PodUnschedulable")
    await label_node(stage, "gpu")
    await ready(stage, "picky")
    assert (await pod_of(stage, "picky"))["nodeSelector"] == {POOL: "gpu"}
    assert await answered_by(stage, "picky")


async def test_a_service_account_that_is_not_there_is_named_and_the_other_fields_reach_the_pod(
    stage: Stage,
) -> None:
    fields = {**PLACED, "nodeSelector": {}, "topologySpreadConstraints": [SPREAD]}
    await create(stage, "placed", **fields)
    message = await told(stage, "placed", "PodsRefused")
    assert "Create the service account, or change spec.serviceAccountName" in message
    await stage.kube.create(ACCOUNTS, stage.namespace, {"metadata": {"name": PLACED["serviceAccountName"]}})
    await ready(stage, "placed")
    pod = await pod_of(stage, "placed")
    assert pod["serviceAccountName"] == PLACED["serviceAccountName"]
    assert pod["affinity"] == PLACED["affinity"]
    assert PLACED["tolerations"][0] in pod["tolerations"]
    (spread,) = pod["topologySpreadConstraints"]
    counted = spread.pop("labelSelector")["matchLabels"]
    assert spread == SPREAD
    assert counted[naming.MODEL_LABEL] == "placed"


async def test_a_variable_from_a_secret_a_volume_and_probes_reach_the_running_model(stage: Stage) -> None:
    secret = {"metadata": {"name": "db"}, "stringData": {"password": "s3cret", "LEVEL": "DEBUG"}}
    await stage.kube.create(SECRETS, stage.namespace, secret)
    await create(
        stage,
        "secretive",
        env=[{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
        envFrom=[{"prefix": "DB_", "secretRef": {"name": "db"}}],
        volumes=[{"name": "keys", "secret": {"secretName": "db"}}],
        volumeMounts=[{"name": "keys", "mountPath": "/etc/keys"}],
        probes={"startup": {"periodSeconds": 1}, "readiness": {"initialDelaySeconds": 0, "periodSeconds": 1}},
        terminationGracePeriodSeconds=7,
    )
    await ready(stage, "secretive")
    pod = await pod_of(stage, "secretive")
    (main,) = [each for each in pod["containers"] if each["name"] == "main"]
    assert main["startupProbe"]["httpGet"]["path"] == "/readyz"
    assert (main["readinessProbe"]["periodSeconds"], pod["terminationGracePeriodSeconds"]) == (1, 7)
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.MODEL_LABEL}=secretive")
    name = pods[0]["metadata"]["name"]
    printed = kubectl(stage.home, "exec", "-n", stage.namespace, name, "-c", "main", "--", "env")
    assert {"PASSWORD=s3cret", "DB_LEVEL=DEBUG"} <= set(printed.splitlines())
    assert "s3cret" not in str(await stage.model("secretive"))


async def test_a_bento_with_a_path_prefix_is_probed_there_without_being_asked(
    stage: Stage, store: Path
) -> None:
    tag = with_path_prefix(store, "/v1")
    await create(stage, "below", tag)
    await ready(stage, "below")
    pod = await pod_of(stage, "below")
    (main,) = [each for each in pod["containers"] if each["name"] == "main"]
    assert main["readinessProbe"]["httpGet"]["path"] == "/v1/readyz"
    async with new_session() as session:
        answer = await predict(session, f"{await address(stage, 'below')}/v1", {"text": "hello"})
    assert answer["bento"] == tag


def with_path_prefix(store: Path, prefix: str) -> str:
    """Put a moody bento with this path_prefix into the store, as BentoML records it; the tag."""
    tag = copy_bento(store, FIRST)
    folder = bento_folder(store, tag)
    code = folder / "src" / "service.py"
    decorated = code.read_text().replace("workers=1)", f'workers=1, path_prefix="{prefix}")')
    code.write_text(decorated)
    record = folder / "bento.yaml"
    content = yaml.safe_load(record.read_text())
    endpoints = {"livez": f"{prefix}/livez", "readyz": f"{prefix}/readyz"}
    for service in content["services"]:
        service["config"] = {**service["config"], "endpoints": endpoints}
    for route in content["schema"]["routes"]:
        route["route"] = prefix + route["route"]
    record.write_text(yaml.safe_dump(content))
    return tag
