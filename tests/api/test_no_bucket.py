"""An operator without a bucket and without a store: it releases images that were built elsewhere, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cluster import TestCluster
from support.operating import Operator
from support.stage import Stage
from support.warmoperator import operating

from e2i.kube.e2i_kinds import BENTO_REQUESTS, BENTOES

pytestmark = [pytest.mark.api, pytest.mark.usefixtures("operator")]

NAME = "registry.example/team/churn"


def given(digit: str) -> dict[str, Any]:
    return {"tag": f"churn:{digit}", "image": f"{NAME}@sha256:{digit * 64}"}


@pytest.fixture(scope="module")
def operator(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    assert cluster.home
    nowhere = {"E2I_BUCKET": "-", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with operating(cluster.home, tmp_path_factory.mktemp("operator"), Path("/nowhere"), **nowhere) as running:
        yield running


async def test_images_are_released_one_after_the_other_and_gone_back_to(stage: Stage) -> None:
    await stage.create(bento=given("1"), rollout={"scaleDownDelaySeconds": 0})
    await stage.ready()
    first = (await stage.model())["status"]["servingRelease"]
    await stage.change(bento=given("2"))
    await stage.ready()
    assert (await stage.model())["status"]["servingRelease"] != first
    await stage.change(bento=given("1"))
    await stage.ready()
    status = (await stage.model())["status"]
    assert status["servingRelease"] == first
    assert [entry["result"] for entry in status["history"]] == ["Serving", "Superseded", "Superseded"]
    images = {bento["spec"]["image"] for bento in await stage.children(BENTOES)}
    assert images == {given("1")["image"], given("2")["image"]}
    assert await stage.children(BENTO_REQUESTS) == []


async def test_the_bento_of_an_image_beyond_the_history_goes(stage: Stage) -> None:
    await stage.create(bento=given("1"), rollout={"scaleDownDelaySeconds": 0, "revisionHistoryLimit": 0})
    await stage.ready()
    await stage.change(bento=given("2"))
    await stage.ready()

    async def only_the_second() -> bool:
        images = [bento["spec"]["image"] for bento in await stage.children(BENTOES)]
        return images == [given("2")["image"]]

    await stage.until(only_the_second, "the first Bento to go")


async def test_a_bento_that_would_have_to_be_exported_is_refused_with_what_to_write(stage: Stage) -> None:
    await stage.create()
    message = await stage.reason("BucketNotConfigured")
    assert "Name an image of the bento in spec.bento.image" in message
