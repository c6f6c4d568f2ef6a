"""Images that were built elsewhere, run by the node: released, replaced, and gone back to without a build."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.cluster import TestCluster
from support.e2e import FIRST, answered_by, create, place, ready, told
from support.stage import Stage, condition

from e2i.api import naming
from e2i.kube.e2i_kinds import BENTO_REQUESTS, BENTOES, PODS
from e2i.local.images import ImageStore

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

NAME = "registry.test/moody"
DIGESTS = tuple(f"sha256:{digit * 64}" for digit in "123")
HURRIED = {"progressDeadlineSeconds": 60, "scaleDownDelaySeconds": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    """A namespace beside a registry with the first two of the images."""
    async with place(local_cluster) as stage:
        await create(stage, "builder")
        built = (await ready(stage, "builder"))["status"]["history"][0]["image"]
        images = ImageStore(stage.home.images)
        image = images.find(built)
        assert image
        for digest in DIGESTS[:2]:
            images.put(replace(image, name=f"{NAME}@{digest}", digest=digest))
        yield stage


def given(number: int) -> dict[str, Any]:
    return {"tag": FIRST, "image": f"{NAME}@{DIGESTS[number]}"}


async def images_of(stage: Stage, model: str) -> set[str]:
    """What the pods of the release that serves run."""
    served = (await stage.model(model))["status"]["servingRelease"]
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=f"{naming.RELEASE_LABEL}={served}")
    mains = (each for pod in pods for each in pod["spec"]["containers"] if each["name"] == "main")
    return {main["image"] for main in mains}


async def test_an_image_is_released_replaced_and_gone_back_to_without_a_build(stage: Stage) -> None:
    await create(stage, "given", bento=given(0), rollout=HURRIED)
    model = await ready(stage, "given")
    first = model["status"]["servingRelease"]
    assert await images_of(stage, "given") == {f"{NAME}@{DIGESTS[0]}"}
    assert await answered_by(stage, "given") == FIRST
    assert (condition(model, "ImageBuilt") or {})["reason"] == "ImageGiven"
    assert model["status"]["artifact"]["digest"] == DIGESTS[0]

    await stage.change("given", bento=given(1))
    second = (await ready(stage, "given"))["status"]["servingRelease"]
    assert second != first
    assert await images_of(stage, "given") == {f"{NAME}@{DIGESTS[1]}"}

    await stage.change("given", bento=given(2))
    message = await told(stage, "given", "ImagePullFailed")
    assert f"{NAME}@{DIGESTS[2]}" in message
    assert (await stage.model("given"))["status"]["servingRelease"] == second
    assert await answered_by(stage, "given") == FIRST

    await stage.change("given", bento=given(0))
    assert (await ready(stage, "given"))["status"]["servingRelease"] == first
    assert await images_of(stage, "given") == {f"{NAME}@{DIGESTS[0]}"}
    requests, _ = await stage.kube.list(BENTO_REQUESTS, stage.namespace, labels=f"{naming.MODEL_LABEL}=given")
    bentos, _ = await stage.kube.list(BENTOES, stage.namespace, labels=f"{naming.MODEL_LABEL}=given")
    assert (requests, len(bentos)) == ([], 3)


async def test_a_tag_of_an_image_is_refused_with_what_to_write(stage: Stage) -> None:
    await create(stage, "tagged", bento={"tag": FIRST, "image": f"{NAME}:1.0"})
    assert f"Write its digest: {NAME}@sha256:<64 hex digits>" in await told(
        stage, "tagged", "ImageTagRefused"
    )
