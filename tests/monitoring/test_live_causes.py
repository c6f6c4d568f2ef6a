"""More alerts that fire for their real reason: of rollouts, of the bucket's rights, of Yatai and of the API server.

As in test_live.py: real Prometheus, operator and API server, the node played, every duration divided. Of Yatai's two
controllers only the one of BentoDeployments runs: images from elsewhere are released, and nobody builds any.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.deep import is_deep
from support.field_rows import IMAGE, OTHER_IMAGE
from support.monitoring.selected import OF_CAUSES, every_series_is_there
from support.operating import PROJECT, Operator, apply_files, installed, operating
from support.prometheus import Prometheus, ensure_programs
from support.stage import Stage, condition, staging
from support.stores import a_bento

from e2i import clock
from e2i.api import naming
from e2i.api.conditions import timestamp
from e2i.kube import Kube, Resource
from e2i.kube.e2i_kinds import DEPLOYMENTS, E2I_MODELS, PODS
from e2i.local import supervision
from e2i.local.components import BUCKET
from e2i.local.layout import ClusterHome
from e2i.local.yatai.deployment_controller import DeploymentController

pytestmark = pytest.mark.api

ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
POD = "127.0.9.9"
"""An address where nobody answers."""
BACKLOG = 11
"""Images that nobody builds: more than the alert allows."""
CHECK = {"path": "/predict", "body": "{}", "timeoutSeconds": 1, "retries": 0}
PAUSED = {"strategy": "Canary", "steps": [{"setWeight": 50}, {"pause": {}}]}


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    return installed(control_plane, "stops its API server for some seconds")


@pytest.fixture
async def stage(cluster: TestCluster) -> AsyncIterator[Stage]:
    assert cluster.home
    async with (
        staging(cluster) as made,
        await Kube.from_kubeconfig(cluster.home.kubeconfig_of("yatai-deployment")) as kube,
    ):
        deployer = asyncio.create_task(DeploymentController(kube).run())
        yield made
        deployer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await deployer


@pytest.fixture
def operator(cluster: TestCluster, tmp_path: Path) -> Iterator[Operator]:
    assert cluster.home
    store = tmp_path / "store"
    a_bento(store, "churn:1.0.0")
    # It keeps its Lease while the API server is stopped.
    with operating(cluster.home, tmp_path, store, E2I_LEASE_SECONDS="120", E2I_PROBE_SECONDS="1") as made:
        yield made


@pytest.fixture
def prometheus(operator: Operator, tmp_path: Path, say: Callable[[str], None]) -> Iterator[Prometheus]:
    ensure_programs(say)
    with Prometheus(tmp_path, [operator.metrics]).running() as made:
        yield made


async def test_the_other_alerts_fire_for_their_reasons(stage: Stage, prometheus: Prometheus) -> None:
    """One story; what takes its time is begun before, and waited for at the end."""

    async def fired(*alerts: str) -> None:
        await asyncio.to_thread(prometheus.wait_for, *alerts)

    # Nobody builds their images.
    for number in range(BACKLOG):
        await stage.create(f"waits-{number}")
    await stage.create("full", bento=bento(IMAGE), autoscaling={"minReplicas": 1, "maxReplicas": 2})
    for name in ("canary", "lost", "closed", "closing"):
        await stage.create(name, bento=bento(IMAGE), rollout={"scaleDownDelaySeconds": 600})
    await stage.ready("full", "canary", "lost", "closed", "closing")
    await scale(stage, "full", 2)
    await stays_when_deleted(stage, "closing")
    await outgrows_memory(stage, "full")
    # Nobody answers at the address of its Service.
    await stage.change("full", rollout={"verify": [CHECK]})

    await stage.change("canary", bento=bento(OTHER_IMAGE), rollout=PAUSED)
    await stage.until(lambda: plays_until(stage, "canary", "CanaryPaused"), "the canary to wait")
    await backdate_step(stage, "canary")
    await stage.change("lost", bento=bento(OTHER_IMAGE))
    await stage.ready("lost")
    await stage.until(lambda: loses_pods(stage, "lost"), "the release to be taken back")
    # Its next release cannot be recorded.
    blocked(stage.home, stage.namespace, "closed")
    await stage.change("closed", bento=bento(OTHER_IMAGE))
    await stage.until(lambda: plays_until(stage, "closed", "BucketRefused"), "the record to be refused")
    await fired(
        "E2ICanaryWaitsTooLong", "E2IRollbackHappened", "E2IOomKilled", "E2ICapacityAtMax", "E2IBuildBacklog"
    )
    await stage.until(
        lambda: outgrows_until(stage, "full", prometheus, "E2IOomKilledAgain"), "the next alert", 120
    )
    await fired("E2ILedgerWriteFailing", "E2IGoldenPredictionsFail")
    await asyncio.to_thread(every_series_is_there, prometheus, OF_CAUSES)

    # Its passes fail, and then they hang.
    await without_right_to_status(stage)
    try:
        await stage.touch("lost", "full")
        await stage.change("lost", bento=bento(IMAGE))
        await fired("E2IReconcileErrors", "E2IDeletionStuck")
        with stopped_api_server(stage.home):
            await fired("E2IQueueStuck", "E2IWatchStale", "E2IModelsUnseen")
    finally:
        apply_files(stage.home, PROJECT / "manifests" / "rbac.yaml")
    if is_deep():
        # The operator gives Yatai a minute, which no factor shortens.
        await fired("E2IYataiParked")


def bento(image: str) -> dict[str, str]:
    return {"tag": "churn:1.0.0", "image": image}


async def scale(stage: Stage, name: str, replicas: int) -> None:
    """Play the autoscaler, which sees no load in a cluster without a node."""
    found, _ = await stage.kube.list(DEPLOYMENTS, stage.namespace, labels=f"{naming.MODEL_LABEL}={name}")
    for each in found:
        body = {"spec": {"replicas": replicas}}
        await stage.kube.patch(
            DEPLOYMENTS, stage.namespace, each["metadata"]["name"], body, subresource="scale"
        )


async def outgrows_memory(stage: Stage, name: str) -> None:
    """Play the node: a container ended because it used more memory than its limit, and runs again at an address."""
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": timestamp(clock.now())}
    main = {
        "name": "main",
        "image": "",
        "imageID": "",
        "ready": True,
        "restartCount": 1,
        "state": {"running": {}},
        "lastState": {"terminated": ended},
    }
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.MODEL_LABEL}={name}")
    for pod in pods:
        address = {"podIP": POD, "podIPs": [{"ip": POD}]}
        await stage.put_pod_status(pod, {**address, "containerStatuses": [main]})


async def outgrows_until(stage: Stage, name: str, prometheus: Prometheus, alert: str) -> bool:
    """Play one more end for memory, unless the alert fires: on a slow machine not each of them is scraped."""
    if (alert, "firing") in prometheus.notified:
        return True
    await outgrows_memory(stage, name)
    return False


async def stays_when_deleted(stage: Stage, name: str) -> None:
    """Delete the model while a finalizer of somebody else holds it."""
    held = {"metadata": {"finalizers": ["somebody.example/holds"]}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, name, held)
    await stage.kube.delete(E2I_MODELS, stage.namespace, name)


async def plays_until(stage: Stage, name: str, reason: str) -> bool:
    """Play the node until the model's condition Ready has the reason."""
    await stage.start_pods()
    told = condition(await stage.model(name), "Ready")
    return told is not None and told["reason"] == reason


async def backdate_step(stage: Stage, name: str) -> None:
    """Play that time passes: a day is a quarter of an hour here, and the step began an hour ago."""
    began = timestamp(clock.now() - timedelta(hours=1))
    body = {"status": {"rollout": {"stepStartedAt": began}}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, name, body, subresource="status")


async def loses_pods(stage: Stage, name: str) -> bool:
    """Play the node: the pods of the serving release end again and again."""
    release = (await stage.model(name))["status"]["desiredRelease"]
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    main = {"name": "main", "image": "", "imageID": "", "ready": False, "restartCount": 5, "state": waiting}
    crashing = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [main],
    }
    labels = naming.label_selector(naming.pod_labels(name, release))
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=labels)
    for pod in pods:
        await stage.put_pod_status(pod, crashing)
    told = condition(await stage.model(name), "RolledBack")
    return told is not None and told["status"] == "True"


def blocked(home: ClusterHome, namespace: str, name: str) -> None:
    """Let the S3 server refuse records of the model: a file is in the place of their folder."""
    folder = home.bucket_data / BUCKET / "releases" / namespace / name
    folder.rename(folder.with_name(f"{name}-before"))
    folder.write_text("")


async def without_right_to_status(stage: Stage) -> None:
    role = await stage.kube.get(ROLES, None, "e2i-operator")
    assert role
    rules = [rule for rule in role["rules"] if "e2imodels/status" not in rule["resources"]]
    await stage.kube.patch(ROLES, None, "e2i-operator", {"rules": rules})


@contextlib.contextmanager
def stopped_api_server(home: ClusterHome) -> Iterator[None]:
    process = supervision.running(home, "kube-apiserver")
    assert process
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)
