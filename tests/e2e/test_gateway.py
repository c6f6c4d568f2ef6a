"""The gateway in front of real models: they come, are released and go, and its callers lose no request."""

from __future__ import annotations

import json

import pytest
from support.cluster import TestCluster
from support.e2e import FIRST, SECOND, create, place, ready
from support.load import BODY, load
from support.rollouts import alone
from support.running_gateway import Running, running_gateway

from e2i.kube.e2i_kinds import E2I_MODELS

pytestmark = pytest.mark.e2e


async def state_of(gateway: Running, title: str) -> dict[str, object]:
    _, text = await gateway.read("/health/bentoml")
    found: dict[str, object] = json.loads(text)["models"].get(title, {})
    return found


async def test_a_model_is_released_and_deleted_behind_the_gateway(
    local_cluster: TestCluster, store: object
) -> None:
    async with (
        place(local_cluster) as stage,
        running_gateway(str(local_cluster.kubeconfig), NAMESPACES=stage.namespace) as gateway,
    ):
        title = f"{stage.namespace}/led"
        assert (await gateway.post("/led/predict", BODY))[1]["reason"] == "ModelUnknown"
        await create(stage, "led", FIRST, rollout={"scaleDownDelaySeconds": 5})
        await ready(stage, "led")

        async def answers() -> bool:
            return (await gateway.post("/led/predict", BODY))[0] == 200

        async def checks_bodies() -> bool:
            status, answer = await gateway.post("/led/predict", {"txt": "hello"})
            return status == 400 and answer.get("field") == "text"

        await gateway.until(answers)
        await gateway.until(checks_bodies)
        async with load(f"{gateway.url}/api/models/led") as tally:
            await stage.change("led", bento={"tag": SECOND})
            await ready(stage, "led")
            await alone(stage, "led")
        assert tally.failures == {}
        assert tally.bentos == [FIRST, SECOND]

        async def shows_the_release() -> bool:
            serving = (await state_of(gateway, title)).get("serving")
            return isinstance(serving, dict) and serving["bento"] == SECOND

        await gateway.until(shows_the_release)
        await stage.kube.delete(E2I_MODELS, stage.namespace, "led")

        async def is_gone() -> bool:
            return (await gateway.post("/led/predict", BODY))[0] == 404

        await gateway.until(is_gone)
        assert await state_of(gateway, title) == {}
