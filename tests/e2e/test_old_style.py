"""An old-style bento, whose model is in a runner: as a release, and as Yatai runs it with the runner apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientError
from support.built_bentos import put_sample
from support.cluster import TestCluster
from support.e2e import address, create, place, ready
from support.stage import Stage

from e2i.controller.edge.metrics_client import read_release
from e2i.kube import Object, Resource
from e2i.kube.e2i_kinds import PODS
from e2i.local.demo_traffic import new_session
from e2i.local.yatai.yatai_kinds import BENTO, BENTO_DEPLOYMENT, BENTO_REQUEST, DEPLOYMENT

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TAG = "credit_risk_runner:2.0.0"
MODEL = "old-risk"
BIG_LOAN = (
    '{"seniority": 20, "home": "owner", "job": "fixed", "records": true,'
    ' "income": 105, "expenses": 84, "amount": 2700}'
)
SMALL_LOAN = BIG_LOAN.replace("2700", "100").replace('"income": 105', '"income": 300')
CHECK = {"path": "/classify", "body": BIG_LOAN, "expect": {"subset": '{"Status": "DECLINED"}'}}
CONTRACT = {"labelPath": "$.Status", "labels": ["APPROVED", "MAYBE", "DECLINED"]}
START_SECONDS = 180.0


@pytest.fixture(scope="module")
def tag(store: Path) -> str:
    put_sample(store, "credit_risk_runner", "2.0.0")
    return TAG


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, tag: str) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        one_worker = [{"name": "BENTOML_API_WORKERS", "value": "1"}]
        await create(stage, MODEL, tag, env=one_worker, rollout={"verify": [CHECK], "contract": CONTRACT})
        await ready(stage, MODEL)
        yield stage


async def test_a_release_of_an_old_style_bento_answers(stage: Stage) -> None:
    where = await address(stage, MODEL)
    assert await status(where, BIG_LOAN) == "DECLINED"
    assert await status(where, SMALL_LOAN) == "APPROVED"


async def test_the_runner_of_a_release_is_in_its_pod_and_its_requests_are_counted(stage: Stage) -> None:
    (deployment,) = (await stage.kube.list(DEPLOYMENT, stage.namespace, labels="yatai.ai/bento-repository"))[
        0
    ]
    before = await requests(stage)
    await status(await address(stage, MODEL), BIG_LOAN)
    assert await requests(stage) == before + 1
    assert deployment["status"]["readyReplicas"] == 1


async def test_yatai_runs_the_runner_apart_when_the_bento_names_it(stage: Stage) -> None:
    (built,) = (await stage.kube.list(BENTO, stage.namespace))[0]
    runners = [{"name": "credit_risk", "runnableType": "CreditRisk"}]
    await apply(stage, BENTO, {"tag": TAG, "image": built["spec"]["image"], "runners": runners})
    await apply(stage, BENTO_DEPLOYMENT, {"bento": "apart"})

    async def is_ready() -> bool:
        found = [await stage.child(DEPLOYMENT, name) for name in ("apart", "apart-runner-0")]
        return all(each and each.get("status", {}).get("readyReplicas") for each in found)

    await stage.until(is_ready, "the API server and its runner", START_SECONDS)
    assert await status(await address(stage, "apart"), BIG_LOAN) == "DECLINED"
    runner = await pods(stage, "yatai.ai/bento-deployment-component-type=runner")
    assert [pod["metadata"]["labels"]["yatai.ai/bento-deployment"] for pod in runner] == ["apart"]


async def apply(stage: Stage, resource: Resource, spec: Object) -> None:
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    body = {**kind, "metadata": {"name": "apart"}, "spec": spec}
    await stage.kube.create(resource, stage.namespace, body)


async def status(where: str, application: str) -> str:
    """What the service says of the application; "" while it does not answer."""
    async with new_session() as session:
        try:
            headers = {"Content-Type": "application/json"}
            async with session.post(f"{where}/classify", data=application, headers=headers) as answer:
                found: dict[str, Any] = await answer.json()
        except ClientError:
            return ""
    return str(found["Status"])


async def requests(stage: Stage) -> float:
    """How many requests the release's own metrics tell of."""
    network = stage.home.addresses
    here = [
        network.on_machine(pod["status"]["podIP"])
        for pod in await pods(stage, f"serving.e2i.dev/model={MODEL}")
    ]
    (request,) = (await stage.kube.list(BENTO_REQUEST, stage.namespace))[0]
    reading = await read_release(here, request["spec"]["serviceName"])
    assert not reading.unreadable
    return sum(sample.requests for sample in reading.samples.values())


async def pods(stage: Stage, labels: str) -> list[Object]:
    found, _ = await stage.kube.list(PODS, stage.namespace, labels=labels)
    return found
