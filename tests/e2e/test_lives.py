"""Lives of good models on real pods: scaled, interrupted, begun anew, and ended without a trace."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.e2e import (
    FIRST,
    SECOND,
    address,
    answered_by,
    bento_folder,
    copy_bento,
    create,
    place,
    ready,
    requests,
    told,
)
from support.stage import Stage, condition

from e2i.kube import Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, POD_POLICIES, PODS, SERVICES
from e2i.local import processes, supervision
from e2i.local.cluster import start_components
from e2i.local.components import BUCKET
from e2i.local.demo_traffic import new_session, predict
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.e2e

AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
LATE_REQUESTS = 10
SYSTEM, OPERATOR = "e2i-system", "app.kubernetes.io/name=e2i-operator"


@pytest.fixture
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        yield stage


async def test_parked_and_woken_without_a_build_and_verified_again(stage: Stage) -> None:
    checks = [{"path": "/predict", "body": '{"text": "hello"}'}]
    await create(stage, "idle", rollout={"verify": checks})
    release = (await ready(stage, "idle"))["status"]["servingRelease"]
    ip = await address(stage, "idle")
    (request,) = await stage.children(BENTO_REQUESTS)
    await stage.change("idle", replicas=0)

    async def rests() -> bool:
        """The autoscaler has looked at it, and leaves it at zero."""
        (scaler,) = (await stage.kube.list(AUTOSCALERS, stage.namespace))[0]
        told = {each["type"]: each.get("reason") for each in scaler["status"].get("conditions", ())}
        return told.get("ScalingActive") == "ScalingDisabled"

    await stage.until(rests, "the autoscaler to rest", 60)
    parked = await ready(stage, "idle")
    assert condition(parked, "Ready")["reason"] == condition(parked, "ReleaseServing")["reason"] == "Parked"
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels="serving.e2i.dev/release")
    assert not [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    await stage.change("idle", replicas=1)

    async def answers() -> bool:
        return (await ready(stage, "idle"))["status"]["readyReplicas"] == 1

    await stage.until(answers, "its pod")
    woken = await ready(stage, "idle")
    assert (woken["status"]["servingRelease"], await address(stage, "idle")) == (release, ip)
    assert condition(woken, "Verified")["status"] == "True"
    assert "parkedAt" not in woken["status"]
    assert await answered_by(stage, "idle")
    (same,) = await stage.children(BENTO_REQUESTS)
    assert same["metadata"]["uid"] == request["metadata"]["uid"]


async def test_scaled_up_down_and_moved_while_twenty_requests_a_second_come(
    stage: Stage, long_pause: None
) -> None:
    await create(stage, "busy")
    release = (await ready(stage, "busy"))["status"]["servingRelease"]
    async with requests(await address(stage, "busy")) as tally:
        for replicas in (2, 1):
            await stage.change("busy", replicas=replicas)

            async def resized(replicas: int = replicas) -> bool:
                # Ready is True with more pods than the minimum too.
                return (await ready(stage, "busy"))["status"]["readyReplicas"] == replicas

            if replicas == 1:
                await ask_the_pod_that_ends(stage, "busy")
            await stage.until(resized, f"{replicas} pods")
            assert (await ready(stage, "busy"))["status"]["servingRelease"] == release
            assert len(await stage.children(BENTO_DEPLOYMENTS)) == 1
        await stage.change("busy", bento={"tag": SECOND})
        assert (await ready(stage, "busy"))["status"]["servingRelease"] != release

        async def moved() -> bool:
            return tally.last == SECOND

        await stage.until(moved, "an answer of the second version")
    assert tally.failures == []
    assert set(tally.answers) == {FIRST, SECOND}


@pytest.fixture
async def long_pause(stage: Stage) -> AsyncIterator[None]:
    """The policy's pause is so long that no busy machine is slower; that of somebody's own cluster stays."""
    if stage.is_elsewhere:
        yield
        return
    usual = (await stage.kube.get(POD_POLICIES[0], None, "e2i-pre-stop"))["spec"]["variables"][0][
        "expression"
    ]
    await set_pause(stage, "15")
    yield
    await set_pause(stage, usual)


async def set_pause(stage: Stage, seconds: str) -> None:
    change = [{"op": "replace", "path": "/spec/variables/0/expression", "value": seconds}]
    kubectl(
        stage.home,
        "patch",
        "mutatingadmissionpolicy",
        "e2i-pre-stop",
        "--type=json",
        f"--patch={json.dumps(change)}",
    )
    labels = {"serving.e2i.dev/release": "0b1d77e2"}
    pod = {
        "metadata": {"name": "x", "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "x"}]},
    }

    async def in_force() -> bool:
        made = await stage.kube.request("POST", PODS.path(stage.namespace), body=pod, query={"dryRun": "All"})
        hook = made["spec"]["containers"][0].get("lifecycle", {}).get("preStop", {})
        return bool(hook == {"sleep": {"seconds": int(seconds)}})

    await stage.until(in_force, "the policy to be taken up")


async def ask_the_pod_that_ends(stage: Stage, name: str) -> None:
    """Send requests as a node does that has not heard that the pod was told to end."""

    async def told_to_end() -> Object | None:
        pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"serving.e2i.dev/model={name}")
        return next((pod for pod in pods if "deletionTimestamp" in pod["metadata"]), None)

    pod = await stage.until(told_to_end, "a pod that ends")
    ip = pod["status"]["podIP"]
    host = ip if stage.is_elsewhere else stage.home.addresses.on_machine(ip)
    async with new_session() as session:
        for _ in range(LATE_REQUESTS):
            answer = await predict(session, f"http://{host}:3000", {"text": "late"})
            assert answer["text"] == "late"


async def test_the_operator_is_deleted_while_it_releases(stage: Stage, store: Path) -> None:
    await create(stage, "steady", copy_bento(store, FIRST))
    await stage.until(lambda: stage.children(BENTO_REQUESTS), "the BentoRequest")
    (before,) = await operators(stage)
    await stage.kube.delete(PODS, SYSTEM, before["metadata"]["name"])
    await ready(stage, "steady")
    assert [len(await stage.children(kind)) for kind in (BENTO_REQUESTS, BENTO_DEPLOYMENTS)] == [1, 1]
    assert before["metadata"]["uid"] not in [pod["metadata"]["uid"] for pod in await operators(stage)]


async def test_kubectl_shows_what_the_pods_of_model_and_operator_say(stage: Stage) -> None:
    await create(stage, "talkative")
    await ready(stage, "talkative")
    selected = "--selector=serving.e2i.dev/model=talkative"
    assert "Starting production HTTP BentoServer" in kubectl(
        stage.home, "logs", f"-n={stage.namespace}", selected, "--tail=-1"
    )
    lines = kubectl(stage.home, "logs", f"-n={SYSTEM}", "deployment/e2i-operator").splitlines()
    assert f"{stage.namespace}/talkative" in {json.loads(line).get("model") for line in lines}


async def test_a_deleted_model_leaves_nothing(stage: Stage) -> None:
    await create(stage, "leaving")
    await ready(stage, "leaving")
    alive = running_for(stage)
    assert alive
    await stage.kube.delete(E2I_MODELS, stage.namespace, "leaving")

    async def left() -> list[str]:
        kinds = (BENTO_REQUESTS, BENTO_DEPLOYMENTS, SERVICES, REPLICA_SETS, PODS)
        found = [item for kind in kinds for item in (await stage.kube.list(kind, stage.namespace))[0]]
        return [f"{item['kind']} {item['metadata']['name']}" for item in found]

    async def nothing() -> bool:
        return not await left()

    await stage.until(nothing, f"nothing to be left of {await left()}", 120)
    assert running_for(stage) == []
    assert not any(process.alive for process in alive)


async def test_deleted_while_it_is_exported_and_made_again_under_its_name(stage: Stage, store: Path) -> None:
    large = copy_bento(store, FIRST)
    with (bento_folder(store, large) / "src" / "weights.bin").open("wb") as weights:
        # A hole: it takes no room here, and the time of its whole length to be read.
        weights.truncate(2 * 1024**3)
    await create(stage, "hasty", large)
    await told(stage, "hasty", "Exporting")
    await stage.kube.delete(E2I_MODELS, stage.namespace, "hasty")
    await create(stage, "hasty", FIRST)
    await ready(stage, "hasty")
    assert await answered_by(stage, "hasty") == FIRST
    tags = [request["spec"]["bentoTag"] for request in await stage.children(BENTO_REQUESTS)]
    assert len(tags) == 1
    assert tags[0].startswith(FIRST)
    assert large.replace(":", "/") not in keys_in_bucket(stage)


async def test_the_bucket_is_away_for_a_while(stage: Stage, store: Path) -> None:
    home = stage.home
    await create(stage, "early")
    await ready(stage, "early")
    supervision.stop(home, "s3", lambda line: None)
    try:
        tag = copy_bento(store, FIRST)
        await create(stage, "late", tag)
        assert home.s3_url in await told(stage, "late", "BucketUnreachable")
        assert await answered_by(stage, "early") == FIRST
    finally:
        start_components(home, ["s3"], lambda line: None)
    await ready(stage, "late")
    assert await answered_by(stage, "late") == tag


async def operators(stage: Stage) -> list[Object]:
    return (await stage.kube.list(PODS, SYSTEM, labels=OPERATOR))[0]


def keys_in_bucket(stage: Stage) -> str:
    return "\n".join(str(path) for path in (stage.home.bucket_data / BUCKET).rglob("*"))


def running_for(stage: Stage) -> list[processes.Process]:
    """Every process of the namespace's pods."""
    return processes.marked("YATAI_BENTO_DEPLOYMENT_NAMESPACE", stage.namespace)
