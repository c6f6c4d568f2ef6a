"""The drill of docs/runbook/disaster-recovery.md: the bucket is lost while a model serves."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import boto3
import pytest
import pytest_asyncio
from support.cluster import TestCluster
from support.e2e import FIRST, SECOND, answered_by, create, place, ready, told
from support.stage import Stage

from e2i.kube.e2i_kinds import E2I_MODELS, PODS
from e2i.local.bootstrap import BUCKET
from e2i.local.credentials import ensure_credentials

pytestmark = [pytest.mark.e2e, pytest.mark.deep, pytest.mark.asyncio(loop_scope="module")]

SYSTEM, OPERATOR = "e2i-system", "app.kubernetes.io/name=e2i-operator"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(local_cluster: TestCluster, store: Path) -> AsyncIterator[Stage]:
    async with place(local_cluster) as stage:
        yield stage


async def test_the_bucket_is_lost_and_comes_back_from_the_store(stage: Stage) -> None:
    await create(stage, "kept")
    await ready(stage, "kept")
    assert holds(stage, f"{archive(stage, FIRST)}*.tar", "releases/*/kept/*-Served-*.json")

    shutil.rmtree(stage.home.bucket_data / BUCKET)
    for pod in (await stage.kube.list(PODS, SYSTEM, labels=OPERATOR))[0]:
        await stage.kube.delete(PODS, SYSTEM, pod["metadata"]["name"])
    await ask_for(stage, SECOND)
    assert f"the bucket {BUCKET}" in await told(stage, "kept", "BucketNotFound")
    assert await answered_by(stage, "kept") == FIRST

    begun = time.monotonic()
    make_bucket(stage)
    await served(stage, SECOND)
    print(f"the next release served {time.monotonic() - begun:.0f} s after the bucket was there")  # noqa: T201

    async def is_whole() -> bool:
        archives = [f"{archive(stage, tag)}*.tar" for tag in (FIRST, SECOND)]
        return holds(stage, *archives, "releases/*/kept/*-Served-*.json")

    await stage.until(is_whole, "the archives of both releases", 900)
    print(f"the archives were there after {time.monotonic() - begun:.0f} s")  # noqa: T201
    await ask_for(stage, FIRST)
    await served(stage, FIRST)


async def ask_for(stage: Stage, tag: str) -> None:
    spec = {"spec": {"bento": {"tag": tag}}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, "kept", spec)


async def served(stage: Stage, tag: str) -> None:
    async def look() -> bool:
        return await answered_by(stage, "kept") == tag

    await stage.until(look, f"{tag} at the address", 300)


def archive(stage: Stage, tag: str) -> str:
    return f"namespaces/{stage.namespace}/bentos/{tag.replace(':', '/')}/"


def holds(stage: Stage, *patterns: str) -> bool:
    folder = stage.home.bucket_data / BUCKET
    return all(any(folder.glob(pattern)) for pattern in patterns)


def make_bucket(stage: Stage) -> None:
    keys = ensure_credentials(stage.home)
    boto3.client(
        "s3",
        endpoint_url=stage.home.s3_url,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
    ).create_bucket(Bucket=BUCKET)
