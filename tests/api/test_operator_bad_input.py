"""What the operator says of what cannot be, with real API server and real S3: its own reason, message and next step."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import boto3
import pytest
from support.cluster import TestCluster
from support.operating import Operator
from support.s3 import free_port
from support.stage import Stage, condition, staging
from support.stores import a_bento
from support.warmoperator import operating

from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, SERVICES
from e2i.local.credentials import ensure_credentials

pytestmark = pytest.mark.api


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good bentos beside broken ones."""
    folder = tmp_path_factory.mktemp("store")
    a_bento(folder, "churn:1.0.0")
    a_bento(folder, "overwritten:1")
    a_bento(folder, "broken:1").joinpath("bento.yaml").write_text("{")
    a_bento(folder, "bare:1", uses=())
    a_bento(folder, "lost:1", uses=("gone:1",))
    shutil.rmtree(folder / "models" / "gone")
    return folder


@pytest.fixture
def alone(operator: Operator) -> Iterator[None]:
    """The operator of the other tests rests: it would do the work of one that cannot."""
    operator.stop()
    yield
    operator.start()


@pytest.fixture
async def stage(cluster: TestCluster) -> AsyncIterator[Stage]:
    async with staging(cluster) as made:
        yield made


@pytest.mark.parametrize(
    ("tag", "reason", "words"),
    [
        pytest.param("unknown:1", "BentoNotFound", "unknown:1", id="nobody knows the bento"),
        pytest.param("churn:1.0", "BentoNotFound", "churn:1.0", id="the tag is only the beginning of one"),
        pytest.param("broken:1", "BentoUnreadable", "broken:1", id="the bento is damaged"),
        pytest.param("bare:1", "NoDeclaredModel", "bare:1", id="the bento declares no model"),
        pytest.param("lost:1", "ModelMissing", "gone:1", id="its model is not in the store"),
    ],
)
async def test_a_bento_that_cannot_be_served(
    stage: Stage, operator: Operator, tag: str, reason: str, words: str
) -> None:
    await stage.create("good")
    await stage.create(tag=tag)
    assert words in await stage.reason(reason)
    model = await stage.model()
    for kind in ("Stalled", "Ready", "BentoExported"):
        told = condition(model, kind)
        assert told
        assert told["reason"] == reason
    await stage.told("Warning", reason)

    async def good_goes_on() -> bool:
        return bool(await stage.children(BENTO_REQUESTS))

    await stage.until(good_goes_on, "the good model's request")


async def test_a_build_that_failed_is_told_with_where_its_log_is(stage: Stage, operator: Operator) -> None:
    await stage.create()

    async def request() -> object:
        return await stage.children(BENTO_REQUESTS)

    await stage.until(request, "the request")
    (made,) = await stage.children(BENTO_REQUESTS)
    failed = {
        "type": "ImageBuilding",
        "status": "False",
        "reason": "Reconciling",
        "message": "Image building job builder-1 is failed.",
        "lastTransitionTime": "2026-11-21T12:00:00Z",
    }
    status = {"status": {"conditions": [failed], "imageBuilderPodStatus": {}}}
    name = made["metadata"]["name"]
    await stage.kube.patch(BENTO_REQUESTS, stage.namespace, name, status, subresource="status")
    message = await stage.reason("BuildFailed")
    assert "Image building job builder-1 is failed." in message
    assert f"kubectl logs -n {stage.namespace} -l yatai.ai/bento-request={name}" in message


async def test_two_models_of_one_bento_share_the_archive(stage: Stage, operator: Operator) -> None:
    await stage.create("one")
    await stage.create("two")

    async def both() -> bool:
        return len(await stage.children(BENTO_DEPLOYMENTS)) == 2

    await stage.until(both, "both releases")
    uris = {request["spec"]["downloadUrl"] for request in await stage.children(BENTO_REQUESTS)}
    assert len(uris) == 1


async def test_a_stranger_s_service_is_left_as_it_is(stage: Stage, operator: Operator) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "churn", "namespace": stage.namespace},
        "spec": {"ports": [{"port": 80}]},
    }
    before = await stage.kube.create(SERVICES, stage.namespace, body)
    await stage.create()
    message = await stage.reason("NameTaken")
    assert f"Service churn in {stage.namespace} has no owner and is not changed" in message
    assert f"kubectl delete service churn -n {stage.namespace}" in message
    assert await stage.child(SERVICES, "churn") == before
    await stage.kube.delete(SERVICES, stage.namespace, "churn")

    async def goes_on() -> bool:
        return bool(await stage.children(BENTO_DEPLOYMENTS))

    await stage.until(goes_on, "the release")


async def test_another_content_under_the_archive_s_key_is_not_overwritten(
    stage: Stage, cluster: TestCluster, operator: Operator
) -> None:
    assert cluster.home
    await stage.create("first", "overwritten:1")

    async def request() -> object:
        return await stage.children(BENTO_REQUESTS)

    await stage.until(request, "the export")
    (made,) = await stage.children(BENTO_REQUESTS)
    bucket, _, key = made["spec"]["downloadUrl"].removeprefix("s3://").partition("/")
    keys = ensure_credentials(cluster.home)
    client = boto3.client(
        "s3",
        endpoint_url=cluster.home.s3_url,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
    )
    client.put_object(Bucket=bucket, Key=key, Body=b"something else")
    # Results are remembered for a minute: a second operator has not seen the first export.
    operator.stop()
    operator.start()
    await stage.create("second", "overwritten:1")
    assert key in await stage.reason("ArchiveConflict", "second")
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"something else"


@pytest.mark.parametrize(
    ("environment", "reason", "words"),
    [
        pytest.param({"AWS_SECRET_ACCESS_KEY": "wrong"}, "BucketAccessDenied", "", id="wrong credentials"),
        pytest.param({"E2I_BUCKET": "no-such-bucket"}, "BucketNotFound", "no-such-bucket", id="no such bucket"),
        pytest.param({"AWS_ENDPOINT_URL": "http://127.0.0.1:@PORT@"}, "BucketUnreachable", "127.0.0.1:",
                     id="nobody answers"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("alone")
async def test_a_bucket_that_cannot_be_used(
    cluster: TestCluster, store: Path, tmp_path: Path, environment: dict[str, str], reason: str, words: str
) -> None:
    assert cluster.home
    port = str(free_port())
    given = {name: value.replace("@PORT@", port) for name, value in environment.items()}
    async with staging(cluster) as stage:
        with operating(cluster.home, tmp_path, store, **given) as operator:
            await stage.create()
            assert words in await stage.reason(reason)
            keys = ensure_credentials(cluster.home)
            assert keys.secret_access_key not in operator.log.read_text()
            assert operator.stop() == 0


async def test_a_setting_that_cannot_be_used_ends_the_operator(
    cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    assert cluster.home
    with operating(cluster.home, tmp_path, store, E2I_WORKERS="many") as operator:
        assert operator.wait() != 0
        assert "E2I_WORKERS=many is not a number from 1 to 64" in operator.log.read_text()


async def test_a_namespace_may_have_smaller_bentos_than_the_others(
    cluster: TestCluster, stage: Stage, alone: None, store: Path, tmp_path: Path
) -> None:
    limit = f"{stage.namespace}=100"
    async with staging(cluster) as other:
        with operating(stage.home, tmp_path, store, E2I_MAX_BENTO_BYTES_OF=limit):
            await stage.create()
            await other.create()
            message = await stage.reason("BentoTooLarge")
            assert f"more than the 100 that the namespace {stage.namespace} may have" in message
            await other.until(lambda: other.children(BENTO_REQUESTS), "the request of the other namespace")
            assert await stage.children(BENTO_REQUESTS) == []
