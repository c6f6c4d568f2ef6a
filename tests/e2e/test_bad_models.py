"""Models that cannot serve, all released at once beside good ones: each says what is wrong, the good ones serve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.cluster import TestCluster
from support.e2e import (
    FIRST,
    HOPELESS,
    answered_by,
    copy_bento,
    create,
    give_download_secret,
    place,
    ready,
    told,
)
from support.stage import Stage, condition, staging

from e2i.kube import Object
from e2i.local.kubectl import kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TOO_MUCH = {"requests": {"memory": "900Ti"}, "limits": {"memory": "900Ti"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        await create(stage, "hungry", resources=TOO_MUCH)
        await create(stage, "ending", mood="ends at once")
        await create(stage, "unready", mood="never ready")
        await create(stage, "hopeless", HOPELESS)
        await create(stage, "good")
        await create(stage, "twin")
        yield stage


async def test_a_bento_whose_packages_cannot_be_had(stage: Stage) -> None:
    message = await told(stage, "hopeless", "BuildFailed")
    command, _, _ = message.partition("Its log: kubectl ")[2].partition(". ")
    assert "e2i-nobody-has-this-package" in kubectl(stage.home, *command.split())
    assert is_stalled(await stage.model("hopeless"), "BuildFailed")


async def test_a_request_for_more_memory_than_the_node_has(stage: Stage) -> None:
    message = await told(stage, "hungry", "PodUnschedulable")
    assert "Insufficient memory" in message
    assert "spec.resources" in message


async def test_a_pod_that_exits_at_once(stage: Stage) -> None:
    message = await told(stage, "ending", "CrashLoop")
    assert "exit code" in message
    # Told while it is tried, or, after three endings, quoted for good.
    command = message.partition("Its log: kubectl ")[2]
    words = kubectl(stage.home, *command.split()) if command else message
    assert "moody does not want to start today" in words
    await stage.change("ending", env=[])
    await ready(stage, "ending")
    assert await answered_by(stage, "ending") == FIRST


async def test_a_pod_that_never_gets_ready(stage: Stage) -> None:
    assert "0 of 1 pods" in await told(stage, "unready", "Deploying")
    # Only now: the same bound holds for the image build, which takes its time on a busy machine.
    await stage.change("unready", rollout={"progressDeadlineSeconds": 10})
    message = await told(stage, "unready", "ProgressDeadlineExceeded")
    assert "not ready after 10 s (spec.rollout.progressDeadlineSeconds)" in message
    assert "0 of 1 pods" in message
    assert is_stalled(await stage.model("unready"), "ProgressDeadlineExceeded")


@pytest.mark.parametrize("name", ["good", "twin"])
async def test_models_of_one_good_bento_serve_beside_them(stage: Stage, name: str) -> None:
    await ready(stage, name)
    assert await answered_by(stage, name) == FIRST


async def test_a_namespace_without_the_download_secret(local_cluster: TestCluster, store: Path) -> None:
    # One that has no image yet: with an image nothing is downloaded.
    tag = copy_bento(store, FIRST)
    async with staging(local_cluster) as bare:
        await create(bare, "early", tag)
        assert '"e2i-bento-download" not found' in await told(bare, "early", "BuildBlocked")
        await give_download_secret(bare)
        await ready(bare, "early")
        assert await answered_by(bare, "early") == tag


def is_stalled(model: Object, reason: str) -> bool:
    found = condition(model, "Stalled")
    return bool(found and (found["status"], found["reason"]) == ("True", reason))
