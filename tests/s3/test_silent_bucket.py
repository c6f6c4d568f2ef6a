"""An S3 server that takes every connection and every byte, and answers nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from support.builders import a_model, a_record

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.s3.bucket import Bucket
from e2i.controller.core.actions import PENDING
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs import model_jobs
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.release_store_jobs import ReleaseStoreJobs
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.work_queue import Key


@pytest.fixture
def silent() -> Iterator[Bucket]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        opened = Bucket("e2i", endpoint=f"http://127.0.0.1:{port}", read_timeout=0.5)
        yield opened
        opened.close()


async def test_passes_go_on_and_are_woken_with_a_reason(
    silent: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_jobs, "PATIENCE", 0.1)
    woken: list[Key] = []
    records = ReleaseStoreJobs(ReleaseStore(silent), woken.append, ArchiveUse(Cache()), Turns("bucket", 4))
    keys = [("models", f"m{number}") for number in range(100)]
    begun = asyncio.get_running_loop().time()
    for key in keys:
        assert await records.read(key) is PENDING
    assert await records.write(a_record(a_model())) is PENDING
    assert asyncio.get_running_loop().time() - begun < 2.0, "a worker was held"
    assert threading.active_count() < 30
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            while len(woken) < len(keys) + 1:  # noqa: ASYNC110 - what is waited for happens in other threads
                await asyncio.sleep(0.05)
    told = records.state(keys[-1])
    assert isinstance(told, Problem)
    assert (told.reason, told.stalled) == (Reason.BucketUnreachable, False)
    await records.close()
