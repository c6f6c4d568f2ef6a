"""Alerts that fire for their real reason: real Prometheus, real operators, a real API server; every duration divided.

The pods' metrics are played, because there is no node. What a real bento serves is compared in tests/bentos.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from support.bento_page import BentoPage
from support.cluster import TestCluster
from support.deep import is_deep
from support.monitoring.boards import BOARDS
from support.monitoring.boards_inside import GATEWAY
from support.monitoring.panels import asked
from support.monitoring.selected import OF_CAUSES, OF_THE_GATEWAY, every_series_is_there, selected
from support.operating import Operator, installed
from support.prometheus import Prometheus, ensure_programs
from support.s3 import free_port
from support.stage import Stage, condition, staging
from support.stores import a_bento
from support.yatai import controllers

from e2i.api import naming
from e2i.kube.e2i_kinds import LEASES, PODS
from e2i.local.images import ImageStore

pytestmark = pytest.mark.api

POD = "127.83.1.9"


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    return installed(control_plane, "stops its operator")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for tag in ("churn:1.0.0", "churn:2.0.0", "other:1.0.0", "more:1.0.0"):
        a_bento(tmp_path / "store", tag, labels={"tag": tag.replace(":", "-")})
    return tmp_path / "store"


@pytest.fixture
async def stage(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staging(cluster) as made, controllers(cluster, ImageStore(tmp_path / "images")):
        yield made


@pytest.fixture
def operators(cluster: TestCluster, store: Path, tmp_path: Path) -> Iterator[list[Operator]]:
    """One without its bucket, one as it should be, and one that never gets its Lease."""
    assert cluster.home
    away = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    made = [
        Operator(cluster.home, tmp_path, store, **settings)
        for settings in (away, {"E2I_DRIFT_SECONDS": "1"}, {"E2I_LEASE_NAME": "held"})
    ]
    yield made
    for each in made:
        if each.is_running:
            each.stop()


@pytest.fixture
def prometheus(
    cluster: TestCluster, operators: list[Operator], tmp_path: Path, say: Callable[[str], None]
) -> Iterator[Prometheus]:
    ensure_programs(say)
    addresses = [each.metrics for each in operators]
    made = Prometheus(tmp_path, addresses, cluster.kubeconfig)
    with made.running():
        yield made


async def test_alerts_fire_for_their_reasons_and_resolve_without_them(
    stage: Stage, operators: list[Operator], prometheus: Prometheus, store: Path
) -> None:
    """One story, because each state is the one that the alerts before it left, and a second one would cost a minute."""
    without_bucket, operator, standby = operators
    fired = _waiting(prometheus, "firing")
    resolved = _waiting(prometheus, "resolved")
    await fired("E2IOperatorDown")

    # The bucket is away: three bentos cannot be exported.
    without_bucket.start()
    await resolved("E2IOperatorDown")
    for name in ("churn", "other", "more"):
        await stage.create(name, f"{name}:1.0.0")
    await fired("E2IBucketUnreachable", "E2IExportFailing", "E2IModelNotReady")
    without_bucket.stop()

    # It is back. The pods are ready, and give no metrics.
    operator.start()
    await stage.ready()
    await resolved("E2IBucketUnreachable", "E2IExportFailing", "E2IModelNotReady")
    await fired("E2IMetricsAbsent")

    (info,) = [
        each
        for each in (await asyncio.to_thread(operator.scrape)).labels("e2i_release_info")
        if (each["namespace"], each["model"]) == (stage.namespace, "churn")
    ]

    if is_deep():
        # Bucket and store lose a bento. The operator looks for that a minute after its start, which no factor shortens.
        operator.stop()
        shutil.rmtree(store / "bentos" / "more")
        archive = (await stage.model("more"))["status"]["artifact"]["uri"]
        (stage.home.bucket_data / archive.removeprefix("s3://")).unlink()
        operator.start()

    # The pods give some: requests fail, and are slow.
    page = BentoPage(POD, info["service"])
    page.failing, page.slow = 0.2, 0.9
    with page.running():
        await _give_address(stage, info["release"])
        await fired("E2IHighErrorRate", "E2IHighLatency", "E2IErrorBudgetBurn", "E2ILatencyBudgetBurn")
        await fired("E2ICaptureLags", "E2IDriftDetected")
        _is_joined(prometheus, stage, info)
        assert prometheus.query('bentoml_service_request_total{endpoint="/predict"}')
        assert not prometheus.query('{__name__=~"bentoml_.*",endpoint="/admin.php"}'), "nobody serves it"

        # A release fails.
        await stage.change("churn", bento={"tag": "churn:2.0.0"})
        await stage.until(lambda: _crashes(stage, info["release"]), "the new release to be given up")
        await fired("E2IReleaseQuarantined")
        await asyncio.to_thread(every_series_is_there, prometheus, selected() - OF_CAUSES - OF_THE_GATEWAY)
        await asyncio.to_thread(_every_panel_shows_something, prometheus)

    # Operators that have no Lease.
    await stage.kube.create(LEASES, "e2i-system", _held_lease())
    standby.start()
    await fired("E2INoLeader")
    if is_deep():
        await fired("E2IArchivesMissing")


def _waiting(prometheus: Prometheus, state: str) -> Callable[..., asyncio.Future[None]]:
    def wait(*alerts: str) -> asyncio.Future[None]:
        return asyncio.ensure_future(asyncio.to_thread(prometheus.wait_for, *alerts, state=state))

    return wait


async def _give_address(stage: Stage, release: str) -> None:
    """Play the node: the release's pod has an address."""
    labels = naming.label_selector(naming.pod_labels("churn", release))
    found, _ = await stage.kube.list(PODS, stage.namespace, labels=labels)
    for pod in found:
        status = {"podIP": POD, "podIPs": [{"ip": POD}]}
        await stage.kube.patch(
            PODS, stage.namespace, pod["metadata"]["name"], {"status": status}, subresource="status"
        )


async def _crashes(stage: Stage, good: str) -> bool:
    """Play the node: the image is built, and the pods of every release but the good one end again and again."""
    await stage.end_builds()
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    main = {"name": "main", "image": "", "imageID": "", "ready": False, "restartCount": 5, "state": waiting}
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.MODEL_LABEL}=churn")
    for pod in pods:
        name, labels = pod["metadata"]["name"], pod["metadata"]["labels"]
        if labels[naming.RELEASE_LABEL] != good:
            body = {"status": {"phase": "Running", "containerStatuses": [main]}}
            await stage.kube.patch(PODS, stage.namespace, name, body, subresource="status")
    told = condition(await stage.model("churn"), "RolledBack")
    return told is not None and told["reason"] == "CrashLoop"


def _is_joined(prometheus: Prometheus, stage: Stage, info: dict[str, str]) -> None:
    """The requests have the namespace and the model of the pod, and the bento of its release."""
    place = f'namespace="{stage.namespace}",model="churn",release="{info["release"]}"'
    prometheus.wait(f'bento:e2i_requests:rate5m{{{place},tag="churn:1.0.0",digest="{info["digest"]}"}}')


def _every_panel_shows_something(prometheus: Prometheus) -> None:
    for board in (each for each in BOARDS if each is not GATEWAY):
        for query in (query for panel in board.panels for query, _ in panel.queries):
            prometheus.wait(asked(query))


def _held_lease() -> dict[str, object]:
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": "held", "namespace": "e2i-system"},
        "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 3600},
    }
