"""The operator killed before and after each of its writes, or left without the reply, ends where it always ends.

What it writes into the bucket has a file of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from support.cluster import TestCluster
from support.crashlab import Lane, Phase, laboratory
from support.crashreport import Findings
from support.stage import condition
from support.stores import a_bento

from e2i.api import naming
from e2i.kube import Object
from e2i.kube.e2i_kinds import (
    BENTO_DEPLOYMENTS,
    BENTO_REQUESTS,
    DEPLOYMENTS,
    E2I_MODELS,
    PODS,
    SERVICES,
)

pytestmark = pytest.mark.api

FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"
AT_ONCE = {"scaleDownDelaySeconds": 0}
LONG = {"scaleDownDelaySeconds": 3600}
QUESTION = {
    "path": "/predict",
    "body": "{}",
    "retries": 0,
    # The test's own process answers, beside all other lives.
    "timeoutSeconds": 30,
    "expect": {"body": '"stay"'},
}


def created(*, is_struck: bool, **spec: Any) -> Phase:
    async def play(lane: Lane) -> None:
        await lane.stage.create(tag=FIRST, **spec)
        await lane.ready()

    return Phase("create", play, is_struck)


async def release_the_second(lane: Lane) -> None:
    await lane.stage.change(bento={"tag": SECOND})
    await lane.ready()


async def release_the_second_alone(lane: Lane) -> None:
    await release_the_second(lane)
    await fewer_than_two(lane, BENTO_DEPLOYMENTS)


async def ask_for_two_pods(lane: Lane) -> None:
    await lane.stage.change(replicas=2)
    await lane.ready()


async def fewer_than_two(lane: Lane, kind: Any) -> None:
    async def gone() -> bool:
        return len(await lane.stage.children(kind)) < 2

    await lane.stage.until(gone, f"one {kind.kind} to be left")


async def forget_the_first(lane: Lane) -> None:
    await lane.stage.change(rollout={"revisionHistoryLimit": 0})
    await fewer_than_two(lane, BENTO_REQUESTS)


async def delete(lane: Lane) -> None:
    await lane.stage.kube.delete(E2I_MODELS, lane.stage.namespace, "churn")
    await lane.gone()


async def lose_the_pods(lane: Lane) -> None:
    """The second release serves, and none of its pods is ready any more."""
    stage = lane.stage
    second = (await stage.model())["status"]["servingRelease"]
    labels = f"{naming.RELEASE_LABEL}={second}"
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=labels)
    lost = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    for pod in pods:
        name = pod["metadata"]["name"]
        await stage.kube.patch(PODS, stage.namespace, name, {"status": lost}, subresource="status")
    await until_rolled_back(lane, but=second)


async def until_rolled_back(lane: Lane, but: str) -> None:
    async def back() -> bool:
        model = await lane.stage.model()
        told = condition(model, "RolledBack")
        serving = model["status"].get("servingRelease")
        return told is not None and told["status"] == "True" and serving not in (but, None)

    await lane.stage.until(back, "the rollback")


async def answer_nothing(lane: Lane) -> None:
    """The second release gets ready, and nothing answers at its address: it never takes requests."""
    stage = lane.stage
    first = (await stage.model())["status"]["servingRelease"]
    await stage.change(bento={"tag": SECOND}, rollout={"verify": [QUESTION]})

    async def refused() -> bool:
        return bool((await stage.model())["status"].get("failedReleases"))

    await stage.until(refused, "the second release to be refused")
    assert (await stage.model())["status"]["servingRelease"] == first


async def answer_rightly(lane: Lane) -> None:
    """As before; but now somebody answers, and it is tried anew."""
    stage = lane.stage
    first = (await stage.model())["status"]["servingRelease"]
    for service in await stage.children(SERVICES):
        if service["metadata"]["labels"].get(naming.RELEASE_LABEL) not in (first, None):
            await lane.played.enter_async_context(answering(service))
    body = {"metadata": {"annotations": {"serving.e2i.dev/retry-at": "now"}}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body)
    await lane.ready()


async def begin_canary(lane: Lane) -> None:
    stage = lane.stage
    await stage.change(bento={"tag": SECOND})

    async def paused() -> bool:
        told = condition(await stage.model(), "Ready")
        return told is not None and told["reason"] == "CanaryPaused"

    await stage.until(paused, "the canary to have its share")


async def promote(lane: Lane) -> None:
    body = {"metadata": {"annotations": {"serving.e2i.dev/promote-at": "now"}}}
    await lane.stage.kube.patch(E2I_MODELS, lane.stage.namespace, "churn", body)
    await lane.ready()
    await fewer_than_two(lane, BENTO_DEPLOYMENTS)


async def spoil_the_service(lane: Lane) -> None:
    """Somebody gives it another type, and a port that an apply cannot merge with the operator's."""
    stage = lane.stage
    port = {"name": "http", "port": 80, "targetPort": 9999, "protocol": "TCP"}
    edit = {"spec": {"type": "NodePort", "ports": [port]}}
    await stage.kube.patch(SERVICES, stage.namespace, "churn", edit, manager="kubectl-edit")

    async def put_back() -> bool:
        spec = (await stage.child(SERVICES, "churn") or {})["spec"]
        ports = [(each["port"], each["targetPort"]) for each in spec["ports"]]
        return (spec["type"], ports) == ("ClusterIP", [(naming.SERVICE_PORT, "http")])

    await stage.until(put_back, "the Service to be as rendered")


async def scale_to_zero(lane: Lane) -> None:
    stage = lane.stage
    (child,) = await stage.children(BENTO_DEPLOYMENTS)
    name = child["metadata"]["name"]
    await stage.kube.patch(DEPLOYMENTS, stage.namespace, name, {"spec": {"replicas": 0}}, subresource="scale")

    async def awake() -> bool:
        found = await stage.child(DEPLOYMENTS, name)
        return bool(found and found["spec"]["replicas"] == found["status"].get("readyReplicas") == 1)

    await stage.until(awake, "the pod to be back")
    await lane.ready()


async def park_and_wake(lane: Lane) -> None:
    stage = lane.stage
    await stage.change(replicas=0)

    async def parked() -> bool:
        told = condition(await stage.model(), "Ready")
        return bool(told and (told["status"], told["reason"]) == ("True", "Parked"))

    await stage.until(parked, "Parked")
    await stage.change(replicas=1)
    await lane.ready()


async def orphan_the_children(lane: Lane) -> None:
    """The model is deleted alone, and made again."""
    stage = lane.stage
    before = await stage.model()
    await stage.kube.delete(E2I_MODELS, stage.namespace, "churn", propagation="Orphan")

    async def alone() -> bool:
        return await stage.child(E2I_MODELS, "churn") is None

    await stage.until(alone, "the model to go without its children")
    await stage.create(tag=FIRST, rollout=LONG)
    await lane.ready()
    assert (await stage.model())["status"]["servingRelease"] == before["status"]["servingRelease"]


@contextlib.asynccontextmanager
async def answering(service: Object) -> AsyncIterator[None]:
    """Play the release's pods at the address of its own Service."""

    async def stay(_: web.Request) -> web.Response:
        return web.json_response("stay")

    app = web.Application()
    app.router.add_post("/predict", stay)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, service["spec"]["clusterIP"], naming.SERVICE_PORT).start()
    try:
        yield
    finally:
        await runner.cleanup()


CANARY = {"strategy": "Canary", "steps": [{"setWeight": 50}, {"pause": {}}]}
LIVES = {
    "blue and green": (
        created(is_struck=True, rollout=AT_ONCE, deletionPolicy="Delete"),
        Phase("new release", release_the_second_alone),
        Phase("scaling", ask_for_two_pods),
        Phase("garbage collection", forget_the_first),
        Phase("deletion", delete),
    ),
    "rollback": (
        created(is_struck=False, rollout=LONG),
        Phase("new release", release_the_second, is_struck=False),
        Phase("rollback", lose_the_pods),
    ),
    "verification": (
        created(is_struck=False, rollout=LONG),
        Phase("refused release", answer_nothing),
        Phase("retried release", answer_rightly),
    ),
    "canary": (
        created(is_struck=False, rollout=AT_ONCE | CANARY),
        Phase("canary", begin_canary),
        Phase("promotion", promote),
    ),
    "care": (
        created(is_struck=False, rollout=LONG),
        Phase("edited service", spoil_the_service),
        Phase("deployment at zero", scale_to_zero),
        Phase("parked and woken", park_and_wake),
        Phase("adopted orphans", orphan_the_children),
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def findings(
    control_plane: TestCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, Findings]]:
    """All lives are studied side by side: each waits most of its time."""
    folder = tmp_path_factory.mktemp("lives")
    store = folder / "store"
    a_bento(store, FIRST)
    a_bento(store, SECOND, labels={"second": "yes"})
    async with laboratory(control_plane, folder, store, "api") as lab:
        yield await lab.study(LIVES)


@pytest.mark.parametrize("life", LIVES)
def test_wherever_it_is_struck_it_comes_to_the_same_end(
    findings: Mapping[str, Findings], life: str, say: Callable[[str], None]
) -> None:
    say(f"crash safety, {life}: {findings[life]}")
    assert not findings[life].failures, findings[life].failures
