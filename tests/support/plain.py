"""What is measured for comparison: the same change by hand, on a BentoDeployment without an E2IModel above it."""

from __future__ import annotations

import asyncio
import json

from support.e2e import FIRST, PATIENCE, SECOND, SMALL, address
from support.load import RATE, load
from support.rollouts import REPLICAS, SETTLE, Run
from support.stage import Stage, condition
from support.timeline import Timeline

from e2i.api import naming
from e2i.kube import Object
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, PODS
from e2i.local.kubectl import kubectl


async def by_hand(stage: Stage, name: str, rate: float = RATE) -> Run:
    """Another bento, put in place with kubectl; the requests go to Yatai's own Service.

    `name` is a model that has images of both bentos: the plain one uses them.
    """
    plain = f"plain-{name}"
    first, second = await _images(stage, name)
    await stage.kube.create(BENTO_DEPLOYMENTS, stage.namespace, _plain_deployment(plain, first))
    await _pods_of(stage, plain, FIRST)
    async with load(await address(stage, plain), rate) as tally:
        await asyncio.sleep(SETTLE)
        patch = json.dumps({"spec": {"bento": second}})
        arguments = ("patch", "bentodeployment", plain, f"--namespace={stage.namespace}", "--type=merge")
        await asyncio.to_thread(kubectl, stage.home, *arguments, f"--patch={patch}")
        await _pods_of(stage, plain, SECOND)
        await asyncio.sleep(SETTLE)
    await stage.kube.delete(BENTO_DEPLOYMENTS, stage.namespace, plain)
    return Run(tally, Timeline())


async def _images(stage: Stage, name: str) -> list[str]:
    """The Bentos of the first and the second bento."""
    requests, _ = await stage.kube.list(
        BENTO_REQUESTS, stage.namespace, labels=f"{naming.MODEL_LABEL}={name}"
    )
    made = {
        request["spec"]["bentoTag"].partition("-")[0]: request["metadata"]["name"] for request in requests
    }
    return [made[FIRST], made[SECOND]]


def _plain_deployment(name: str, bento: str) -> Object:
    size = {"minReplicas": REPLICAS, "maxReplicas": REPLICAS}
    return {
        "apiVersion": BENTO_DEPLOYMENTS.api_version,
        "kind": BENTO_DEPLOYMENTS.kind,
        "metadata": {"name": name},
        "spec": {"bento": bento, "autoscaling": size, "resources": SMALL},
    }


async def _pods_of(stage: Stage, plain: str, tag: str) -> None:
    """Wait until all pods are ready ones of this bento."""
    version = tag.partition(":")[2]

    async def look() -> bool:
        selector = f"yatai.ai/bento-deployment={plain}"
        pods, _ = await stage.kube.list(PODS, stage.namespace, labels=selector)
        good = [p for p in pods if p["metadata"]["labels"]["yatai.ai/bento-version"].startswith(version)]
        states = [(condition(pod, "Ready") or {}).get("status") for pod in good]
        return pods == good and states == ["True"] * REPLICAS

    await stage.until(look, f"the pods of {plain} to be ready ones of {tag}", PATIENCE)
