"""The operator's process on a real API server: from a new model to a served one, quiet afterwards, and its ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.audit import ACCOUNT, Audit
from support.cluster import TestCluster
from support.operating import Operator, apply_files, running, wait_for_kinds
from support.otlp import otlp_receiver
from support.stage import Stage, condition, is_ready, staging
from support.warmoperator import operating

from e2i.api import naming
from e2i.controller.core.release_spans import trace_id
from e2i.kube import ApiError
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, SERVICES
from e2i.local.images import ImageStore, LocalImage
from e2i.local.kubectl import kubectl
from e2i.local.yatai.builds import image_name

pytestmark = pytest.mark.api

CRDS = Path(__file__).resolve().parents[2] / "operator" / "src" / "e2i" / "local" / "yatai" / "crds"
FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"


@pytest.fixture
def operator(cluster: TestCluster, store: Path, tmp_path: Path) -> Iterator[Operator]:
    assert cluster.home
    with operating(cluster.home, tmp_path, store) as started:
        yield started


async def test_a_model_is_served_and_then_left_in_peace(
    stage: Stage, operator: Operator, store: Path
) -> None:
    await stage.create()
    await stage.reason("BuildBlocked")
    await stage.end_builds()
    await stage.reason("PodUnschedulable")
    await stage.ready()
    model = await stage.model()
    status = model["status"]
    digest = status["artifact"]["digest"]
    assert status["servingRelease"] == status["desiredRelease"]
    assert condition(model, "Reconciling") is None

    children = [
        await stage.child(BENTO_REQUESTS, naming.artifact_name("churn", digest)),
        await stage.child(BENTO_DEPLOYMENTS, naming.release_name("churn", status["desiredRelease"])),
        await stage.child(SERVICES, "churn"),
    ]
    for child in children:
        assert child
        assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [model["metadata"]["uid"]]
        assert "e2i-operator" in {entry["manager"] for entry in child["metadata"]["managedFields"]}
    service = children[2]
    assert service
    assert service["spec"]["selector"] == naming.pod_labels("churn", status["servingRelease"])
    assert not model["metadata"].get("finalizers")
    assert [entry["manager"] for entry in model["metadata"]["managedFields"] if entry.get("subresource")] == [
        "e2i-operator"
    ]
    await stage.told("Warning", "PodUnschedulable")
    await stage.told("Normal", "Ready")
    await _is_measured(stage, operator, model)

    audit = Audit(stage.home)
    await stage.touch("churn")
    await stage.create("sentinel", "churn:9")
    await stage.reason("BentoNotFound", "sentinel")
    assert ("patch", "bentodeployments") not in audit.writes()
    assert {resource for _, resource in audit.writes()} <= {"e2imodels/status", "events"}
    assert await stage.model() == (await stage.model()) | {"status": status}


async def _is_measured(stage: Stage, operator: Operator, model: Any) -> None:
    """The metrics of the operator's own process tell of the model's release, and of the requests for it."""
    place = {"namespace": stage.namespace, "model": "churn"}
    artifact, release = model["status"]["artifact"], model["status"]["servingRelease"]
    bento = {"tag": artifact["tag"], "digest": artifact["digest"], "release": release, "role": "serving"}

    async def told() -> bool:
        page = await asyncio.to_thread(operator.scrape)
        return (
            page.value("e2i_model_ready", **place, reason="Ready") == 1
            and page.value("e2i_release_info", **place, **bento) == 1
            and page.value("e2i_release_lead_seconds_count") == 1
            and page.value("e2i_exports_total", result="exported") == 1
        )

    await stage.until(told, "metrics of the release")
    page = await asyncio.to_thread(operator.scrape)
    assert page.value("leader_election_master_status") == 1
    assert (page.value("e2i_export_bytes_total") or 0) >= artifact["size"]
    assert page.value("e2i_s3_requests_total", operation="PutObject", code="200")
    assert page.value("rest_client_requests_total", method="PATCH", code="200")
    assert page.value("rest_client_requests_total", code="<error>") is None
    assert (page.value("workqueue_adds_total") or 0) > 1
    assert page.value("workqueue_retries_total") == 0
    assert (page.value("process_resident_memory_bytes") or 0) > 1 << 20


async def test_another_number_of_pods_is_one_write_and_no_release(stage: Stage, operator: Operator) -> None:
    await stage.create()
    await stage.ready()
    before = await stage.model()
    audit = Audit(stage.home)
    await stage.change(replicas=2)
    # Scaling cannot be waited for: the scheduler goes on to say of the played pod that it has no node.
    await stage.ready()
    assert [request for request in audit.writes() if request[1] == "bentodeployments"] == [
        ("patch", "bentodeployments")
    ]
    assert not {"bentorequests", "services"} & {resource for _, resource in audit.writes()}
    after = await stage.model()
    assert after["status"]["servingRelease"] == before["status"]["servingRelease"]
    assert after["status"]["readyReplicas"] == 2


async def test_the_address_moves_to_the_second_version_when_it_is_ready(
    stage: Stage, operator: Operator
) -> None:
    await stage.create(rollout={"scaleDownDelaySeconds": 0})
    await stage.ready()
    first = (await stage.model())["status"]["servingRelease"]
    await stage.change(bento={"tag": SECOND})
    await stage.reason("BuildBlocked")
    await stage.end_builds()
    await stage.reason("PodUnschedulable")
    assert (await stage.model())["status"]["servingRelease"] == first
    await stage.ready()
    status = (await stage.model())["status"]
    assert status["servingRelease"] not in (first, None)

    async def only_the_second() -> bool:
        return len(await stage.children(BENTO_DEPLOYMENTS)) == 1

    await stage.until(only_the_second, "the first release to go")
    assert len(await stage.children(BENTO_REQUESTS)) == 2


async def test_a_restart_with_forty_models_writes_nothing(
    stage: Stage, operator: Operator, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    assert cluster.home
    names = [f"model-{number}" for number in range(40)]
    await stage.create(names[0])
    await stage.ready(names[0])
    (request,) = await stage.children(BENTO_REQUESTS)
    # The others find the image: forty builds would show nothing more.
    ImageStore(tmp_path / "images").put(
        LocalImage(name=image_name(request), digest="sha256:0", working_dir="/")
    )
    for name in names[1:]:
        await stage.create(name)
    await stage.ready(*names, patience=600)
    assert operator.stop() == 0
    audit = Audit(stage.home)
    with operating(cluster.home, tmp_path, store):
        await stage.create("sentinel", "churn:9")
        await stage.reason("BentoNotFound", "sentinel")
        await stage.touch(*names)
        await stage.create("after-them", "churn:9")
        await stage.reason("BentoNotFound", "after-them")
    told = [request for request in audit.writes() if request[1] != "events"]
    assert set(told) == {("patch", "e2imodels/status")}
    # Exporting may be told before BentoNotFound, of each of the two that are new.
    assert len(told) <= 4


async def test_started_as_in_a_cluster_it_ends_in_order_when_told(
    stage: Stage, store: Path, tmp_path: Path
) -> None:
    with running(Operator(stage.home, tmp_path, store)) as operator:
        await stage.create("sentinel", "churn:9")
        await stage.reason("BentoNotFound", "sentinel")
        assert operator.stop() == 0
        assert "Traceback" not in operator.log.read_text()


async def test_killed_between_two_writes_it_goes_on_where_it_stopped(
    stage: Stage, operator: Operator, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    assert cluster.home
    await stage.create()

    async def first_write() -> bool:
        return bool(await stage.children(BENTO_REQUESTS))

    await stage.until(first_write, "the BentoRequest")
    operator.stop(signal.SIGKILL)
    # The same pod, which need not wait for the end of its own Lease.
    with operating(cluster.home, tmp_path, store, E2I_POD_UID=operator.pod_uid):
        await stage.ready()
    assert is_ready(await stage.model())
    assert len(await stage.children(BENTO_REQUESTS)) == 1
    assert len(await stage.children(BENTO_DEPLOYMENTS)) == 1


async def test_a_release_that_two_operators_worked_on_is_one_trace_at_a_real_receiver(
    stage: Stage, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    assert cluster.home
    with otlp_receiver() as receiver:
        traced = {"E2I_TRACES_ENDPOINT": receiver.url}
        with operating(cluster.home, tmp_path, store, **traced) as first:
            await stage.create()
            await stage.reason("BuildBlocked")
            first.stop(signal.SIGKILL)
        # The same pod, which need not wait for the end of its own Lease.
        with operating(cluster.home, tmp_path, store, E2I_POD_UID=first.pod_uid, **traced):
            await stage.ready()

            async def arrived() -> bool:
                return bool(receiver.spans)

            await stage.until(arrived, "the trace")
    model = await stage.model()
    spans = {span.name: span for _, span in receiver.spans}
    assert list(spans) == ["release", "export", "build", "rollout", "switch"]
    expected = trace_id(model["metadata"]["uid"], model["status"]["servingRelease"]).to_bytes(16)
    assert {span.trace_id for span in spans.values()} == {expected}
    assert {span.parent_span_id for span in spans.values()} == {b"", spans["release"].span_id}
    assert spans["build"].end_time_unix_nano > spans["build"].start_time_unix_nano


async def test_a_deleted_model_takes_its_children_with_it(stage: Stage, operator: Operator) -> None:
    await stage.create()
    await stage.ready()
    await stage.kube.delete(E2I_MODELS, stage.namespace, "churn")

    async def all_gone() -> bool:
        return not any([await stage.children(kind) for kind in (BENTO_REQUESTS, BENTO_DEPLOYMENTS, SERVICES)])

    await stage.until(all_gone, "the children to go")
    assert "Traceback" not in operator.log.read_text()


async def test_it_waits_for_yatai_to_be_installed(cluster: TestCluster, store: Path, tmp_path: Path) -> None:
    home = cluster.home
    assert home
    names = ("bentorequests.resources.yatai.ai", "bentodeployments.serving.yatai.ai")
    kubectl(home, "delete", "crd", *names)
    try:
        async with staging(cluster) as stage:
            with operating(home, tmp_path, store):
                await stage.create()
                message = await stage.reason("YataiNotInstalled")
                assert "BentoDeployment, BentoRequest" in message
                apply_files(home, *sorted(CRDS.glob("*.yaml")))

                async def asked_for() -> Any:
                    try:
                        return await stage.children(BENTO_DEPLOYMENTS)
                    except ApiError as error:
                        # A kind is served a moment after its definition was taken.
                        if error.status != 404:
                            raise
                        return []

                await stage.until(asked_for, "the release to be asked for")
    finally:
        apply_files(home, *sorted(CRDS.glob("*.yaml")))
        wait_for_kinds(home, *names)


async def test_its_log_is_one_json_object_for_each_line_and_names_the_model(
    stage: Stage, operator: Operator
) -> None:
    await stage.create("sentinel", "churn:9")
    await stage.reason("BentoNotFound", "sentinel")

    async def said() -> list[dict[str, Any]]:
        return [line for line in operator.said() if line.get("reason") == "BentoNotFound"]

    told = await stage.until(said, "the line")
    assert [line["model"] for line in told] == [f"{stage.namespace}/sentinel"]
    assert ACCOUNT not in operator.log.read_text()
