"""The check of the bucket at the start: it warns early, and never ends the operator."""

from __future__ import annotations

import logging

import pytest

from e2i.api.artifact import ArchivePlace
from e2i.archive.errors import BucketAccessDenied, BucketUnreachable
from e2i.archive.s3.bucket import PROBE_KEY
from e2i.controller.edge.bucket_check import check_bucket
from e2i.controller.edge.jobs.turns import Turns


class Bucket:
    """What a bucket answers."""

    def __init__(self) -> None:
        self.stale = 0
        self.guarded = True
        self.error: Exception | None = None
        self.lacks: set[str] = set()
        self.asked: list[str] = []

    def _ask(self, key: str, right: str) -> None:
        self.asked.append(key)
        if self.error:
            raise self.error
        if right in self.lacks:
            raise BucketAccessDenied(f"the bucket does not allow the operator {right}.", right)

    def abort_stale_uploads(self, prefix: str) -> int:
        self._ask(prefix, "s3:ListBucketMultipartUploads")
        return self.stale

    def has_conditional_writes(self, prefix: str) -> bool:
        self._ask(f"{prefix}{PROBE_KEY}", "s3:PutObject")
        return self.guarded


async def words(bucket: Bucket, caplog: pytest.LogCaptureFixture, prefix: str = "") -> str:
    with caplog.at_level(logging.INFO, "e2i"):
        await check_bucket(bucket, ArchivePlace("e2i", prefix), Turns("bucket", 1))  # type: ignore[arg-type]
    return caplog.text


async def test_a_bucket_in_order_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    assert await words(bucket, caplog) == ""
    assert bucket.asked == ["bentos/", PROBE_KEY]


async def test_only_its_own_prefix_is_cleaned(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    bucket.stale = 2
    assert "aborted 2 unfinished uploads" in await words(bucket, caplog, "blue")
    assert {key.partition("/")[0] for key in bucket.asked} == {"blue"}


async def test_a_server_that_ignores_conditions_is_named(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    bucket.guarded = False
    assert "ignores conditional writes" in await words(bucket, caplog)


async def test_all_rights_that_lack_are_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    bucket.lacks = {"s3:PutObject", "s3:ListBucketMultipartUploads"}
    told = await words(bucket, caplog)
    assert (
        "the bucket refuses what the operator needs: BucketAccessDenied: the bucket does not allow the operator "
        "s3:ListBucketMultipartUploads. Neither does it allow s3:PutObject.\n"
    ) in told
    assert len(caplog.records) == 1


async def test_wrong_keys_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    bucket.error = BucketAccessDenied("the bucket refuses the operator's credentials")
    assert (await words(bucket, caplog)).count("refuses the operator's credentials") == 1


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
