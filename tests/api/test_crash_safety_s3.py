"""The operator killed before and after each call of S3, or left without the reply: the bento is stored once, whole."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.cluster import TestCluster
from support.crashlab import Lab, Lane, Phase, laboratory
from support.stores import a_bento, a_model

from e2i.api.digest import PART_SIZE
from e2i.archive.s3.bucket import PROBE_KEY, Bucket
from e2i.kube.e2i_kinds import E2I_MODELS
from e2i.local.components import BUCKET
from e2i.local.credentials import ensure_credentials
from e2i.local.layout import ClusterHome

pytestmark = pytest.mark.api

TAG = "churn:1.0.0"
# The server tells its time in whole seconds, so what began just now may seem to lie ahead.
AT_ONCE = timedelta(seconds=-2)


@pytest.fixture
async def lab(
    control_plane: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Lab]:
    assert control_plane.home
    keys = ensure_credentials(control_plane.home)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    store = tmp_path / "store"
    a_bento(store, TAG)
    a_model(store, size=PART_SIZE + 1000)
    async with laboratory(control_plane, tmp_path, store, "s3") as ready:
        yield ready


async def start(lane: Lane) -> None:
    """The first operator looks at the bucket before the test does; the next one under its eyes."""
    prefix = f"{lane.stage.namespace}/"
    with contextlib.closing(Bucket(BUCKET, endpoint=lane.stage.home.s3_url)) as bucket:
        # Only the first operator of a prefix finds no probe.
        await asyncio.to_thread(bucket.has_conditional_writes, prefix)
    await lane.operator.restart()

    async def probed() -> bool:
        return lane.proxy.count(f"put {PROBE_KEY}") > 0

    await lane.stage.until(probed, "the operator to look at the bucket")


async def export(lane: Lane) -> None:
    await lane.stage.create(tag=TAG, deletionPolicy="Delete")
    await lane.ready()
    await asyncio.to_thread(clear_up, lane.stage.home, f"{lane.stage.namespace}/namespaces/")


async def delete(lane: Lane) -> None:
    """With it go its archive and its records."""
    await lane.stage.kube.delete(E2I_MODELS, lane.stage.namespace, "churn")
    await lane.gone()


def clear_up(home: ClusterHome, prefix: str) -> None:
    """As an operator does that starts a quarter of an hour later; then no upload is left half done."""
    with contextlib.closing(Bucket(BUCKET, endpoint=home.s3_url)) as bucket:
        bucket.abort_stale_uploads(prefix, AT_ONCE)
    # A session of its own: the default one keeps the keys that an earlier test had.
    client: Any = boto3.session.Session().client("s3", endpoint_url=home.s3_url)
    with contextlib.closing(client):
        assert not client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads")


async def test_wherever_it_is_struck_the_bento_is_stored_once(lab: Lab, say: Callable[[str], None]) -> None:
    life = (Phase("start", start), Phase("export", export), Phase("deletion", delete))
    findings = (await lab.study({"S3": life}))["S3"]
    say(f"crash safety, S3: {findings}")
    assert not findings.failures, findings.failures
