"""The check of the bucket at the start: it warns early, and never ends the operator."""

from __future__ import annotations

import logging

import pytest

from e2i.archive.errors import BucketUnreachable
from e2i.controller.edge.bucket_check import check_bucket
from e2i.controller.edge.jobs.turns import Turns


class Bucket:
    """What a bucket answers."""

    def __init__(self) -> None:
        self.stale = 0
        self.guarded = True
        self.error: Exception | None = None
        self.asked: list[str] = []

    def abort_stale_uploads(self, prefix: str) -> int:
        self.asked.append(prefix)
        if self.error:
            raise self.error
        return self.stale

    def has_conditional_writes(self) -> bool:
        return self.guarded


async def words(bucket: Bucket, caplog: pytest.LogCaptureFixture, archives: str = "bentos/") -> str:
    with caplog.at_level(logging.INFO, "e2i"):
        await check_bucket(bucket, archives, Turns("bucket", 1))  # type: ignore[arg-type]
    return caplog.text


async def test_a_bucket_in_order_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    assert await words(bucket, caplog) == ""
    assert bucket.asked == ["bentos/"]


async def test_only_its_own_prefix_is_cleaned(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    bucket.stale = 2
    assert "aborted 2 unfinished uploads" in await words(bucket, caplog, "blue/bentos/")
    assert bucket.asked == ["blue/bentos/"]


async def test_a_server_that_ignores_conditions_is_named(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    bucket.guarded = False
    assert "ignores conditional writes" in await words(bucket, caplog)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BucketUnreachable("no answer from the bucket"), "no answer from the bucket"),
        (RuntimeError("a bug"), "could not be checked"),
    ],
)
async def test_a_failure_is_logged(error: Exception, said: str, caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    bucket.error = error
    assert said in await words(bucket, caplog)
