"""The stand-in's image builder on a real API server; the test plays the node that runs the Job's pod."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from support.cluster import TestCluster
from support.yatai import Workbench, conditions, controllers, made, workbench

from e2i.kube import Object, Snapshot
from e2i.local.yatai.conditions import find_condition
from e2i.local.yatai.yatai_kinds import BENTO, BENTO_DEPLOYMENT, BENTO_REQUEST, JOB

pytestmark = pytest.mark.api
FIXTURES = Path(__file__).parent / "fixtures" / "yatai"
IMAGE = "registry.e2i.local/yatai-bentos:yatai.fraud.ok"


@pytest.fixture
async def bench(control_plane: TestCluster, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with workbench(control_plane, tmp_path) as bench, controllers(control_plane, bench.images):
        yield bench


async def failed(bench: Workbench) -> Object:
    """A request whose build has failed."""
    await bench.request()
    job = await bench.job()
    await bench.end_build(job, 42)
    message = await bench.condition(BENTO_REQUEST, "ok", "ImageBuilding", "False")
    assert message == f"Image building job {job['metadata']['name']} is failed."
    return job


async def test_the_job_is_as_recorded(bench: Workbench) -> None:
    text = (FIXTURES / "builder-job.yaml").read_text().replace("<namespace>", bench.namespace)
    request, wanted = yaml.safe_load_all(text)
    await bench.kube.create(BENTO_REQUEST, bench.namespace, request)
    job = await bench.job()
    name, found = job["metadata"]["name"], made(job)
    prefix, _, suffix = name.rpartition("-")
    assert prefix == "yatai-bento-image-builder"
    assert len(suffix) == 20
    assert found["metadata"]["annotations"].pop("yatai.ai/bento-request-hash").isdigit()
    wanted["metadata"]["name"] = name
    # The Job controller's own labels carry the Job's uid.
    for labels in (found["spec"].pop("selector"), found["spec"]["template"]["metadata"]["labels"]):
        for key in ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"):
            labels.pop(key, None)
    for key in ("controller-uid", "job-name"):
        found["spec"]["template"]["metadata"]["labels"].pop(key)
    assert found == wanted


async def test_a_running_build_says_so(bench: Workbench) -> None:
    await bench.request()
    job = (await bench.job())["metadata"]["name"]
    await bench.condition(BENTO_REQUEST, "ok", "ImageBuilding", "True")
    await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "Unknown")
    await bench.settle()
    assert conditions(await bench.seen(BENTO_REQUEST, "ok")) == [
        ("ModelsSeeding", "Unknown", "Reconciling", "Starting to reconcile BentoRequest"),
        ("ImageBuilding", "True", "Reconciling", f"Image building job {job} is running"),
        ("ImageExists", "False", "Reconciling", f"Image {IMAGE} is not exists"),
        ("BentoAvailable", "Unknown", "Reconciling", "Bento image is building"),
        ("ImageExistsChecked", "False", "Reconciling", f"Image not exists: {IMAGE}"),
    ]


async def test_a_built_image_becomes_a_bento_and_the_job_goes(bench: Workbench) -> None:
    context = {"bentomlVersion": "1.4.8"}
    await bench.request(serviceName="FraudService", context=context)
    job = await bench.job()
    bench.register(IMAGE)
    await bench.end_build(job, 0)
    assert await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "True") == "Bento is generated"
    bento = made(await bench.seen(BENTO, "ok"))
    assert bento["spec"] == {
        "tag": "fraud:ok",
        "image": IMAGE,
        "serviceName": "FraudService",
        "context": context,
    }
    assert bento["metadata"].keys() == {"name", "namespace", "ownerReferences"}
    assert [owner["name"] for owner in bento["metadata"]["ownerReferences"]] == ["ok"]

    async def gone() -> bool:
        return await bench.get(JOB, job["metadata"]["name"]) is None

    await bench.until(gone, "the Job's end")
    found = conditions(await bench.seen(BENTO_REQUEST, "ok"))
    assert ("ImageExists", "True", "Reconciling", IMAGE) in found
    assert ("ImageExistsChecked", "True", "Reconciling", IMAGE) in found


async def test_a_failed_build_shows_as_unavailable_for_a_moment_only(bench: Workbench) -> None:
    await bench.request()
    job = await bench.job()
    seen: list[tuple[str, str]] = []

    async def follow() -> None:
        async for news in bench.kube.watch(BENTO_REQUEST, bench.namespace):
            items = news.objects if isinstance(news, Snapshot) else (news.object,)
            for item in items:
                condition = find_condition(item, "BentoAvailable") or {"status": "", "message": ""}
                seen.append((condition["status"], condition["message"]))

    following = asyncio.create_task(follow())
    await bench.end_build(job, 42)
    failure = f"Image building job {job['metadata']['name']} is failed."

    async def over() -> bool:
        return ("False", failure) in seen and seen[-1] == ("Unknown", "Bento image is building")

    await bench.until(over, "the failure and what follows it")
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    assert await bench.get(JOB, job["metadata"]["name"]) is not None


async def test_a_deployment_keeps_the_failure_that_it_saw(bench: Workbench) -> None:
    await bench.deployment("plain", bento="ok")
    job = await failed(bench)
    message = await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "False")
    assert message == (
        f"Failed to reconcile BentoDeployment: BentoRequest {bench.namespace}/ok is not available: "
        f"Image building job {job['metadata']['name']} is failed."
    )
    await bench.settle()
    assert await bench.condition(BENTO_DEPLOYMENT, "plain", "BentoFound", "False") == "Bento not found"
    await bench.condition(BENTO_DEPLOYMENT, "plain", "Available", "False")


async def test_an_image_that_is_there_needs_no_job(bench: Workbench) -> None:
    bench.register(IMAGE)
    await bench.request()
    await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "True")
    assert (await bench.seen(BENTO, "ok"))["spec"]["image"] == IMAGE
    assert (await bench.kube.list(JOB, bench.namespace))[0] == []


async def test_an_image_that_is_there_still_needs_a_download_url(bench: Workbench) -> None:
    bench.register(IMAGE)
    await bench.request(downloadUrl=None)
    message = await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "False")
    assert message == "get bento: can't get yatai client, please check yatai configuration"


async def test_an_image_by_digest_is_never_found(bench: Workbench) -> None:
    image = "registry.e2i.local/fraud@sha256:" + "d2" * 32
    bench.register(image)
    await bench.request(image=image)
    job = await bench.job()
    builder = job["spec"]["template"]["spec"]["containers"][0]
    assert builder["args"] == ["build", "--image", image]


async def test_errors_are_tried_again(bench: Workbench) -> None:
    bench.register(IMAGE)
    await bench.request(downloadUrl=None)
    await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "False")
    url = {"spec": {"downloadUrl": "s3://bentos/fraud/ok.tar"}}
    await bench.patch(BENTO_REQUEST, "ok", url)
    await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "True")


async def test_an_available_request_is_never_looked_at_again(bench: Workbench) -> None:
    bench.register(IMAGE)
    await bench.request()
    await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "True")
    await bench.patch(BENTO_REQUEST, "ok", {"spec": {"image": "registry.e2i.local/other:1"}})
    await bench.kube.delete(BENTO, bench.namespace, "ok")
    await bench.settle()
    assert await bench.get(BENTO, "ok") is None
    assert (await bench.kube.list(JOB, bench.namespace))[0] == []


async def test_a_changed_spec_starts_the_build_again(bench: Workbench) -> None:
    old = await failed(bench)
    await bench.patch(BENTO_REQUEST, "ok", {"spec": {"downloadUrl": "s3://bentos/fraud/other.tar"}})
    new = await bench.job(but=old["metadata"]["name"])
    downloader = new["spec"]["template"]["spec"]["initContainers"][0]
    assert downloader["args"] == ["download", "--url", "s3://bentos/fraud/other.tar"]


async def test_a_changed_label_starts_the_build_again_at_the_next_event_of_the_job(bench: Workbench) -> None:
    await bench.request()
    old = await bench.job()
    name = old["metadata"]["name"]
    await bench.condition(BENTO_REQUEST, "ok", "ImageBuilding", "True")
    await bench.settle()
    await bench.patch(BENTO_REQUEST, "ok", {"metadata": {"labels": {"team": "risk"}}})
    await bench.settle()
    assert (await bench.job())["metadata"]["name"] == name
    await bench.patch(JOB, name, {"metadata": {"annotations": {"touched": "yes"}}})
    await bench.job(but=name)


async def test_the_bento_goes_with_its_request(bench: Workbench) -> None:
    bench.register(IMAGE)
    await bench.request()
    await bench.condition(BENTO_REQUEST, "ok", "BentoAvailable", "True")
    await bench.kube.delete(BENTO_REQUEST, bench.namespace, "ok")

    async def gone() -> bool:
        return await bench.get(BENTO, "ok") is None

    await bench.until(gone, "garbage collection")
