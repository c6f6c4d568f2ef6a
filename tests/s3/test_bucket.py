"""The bucket on a real S3 server: stored once, whole, never overwritten, nothing left behind."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from support.s3 import Fault, FaultProxy, S3Server, free_port

from e2i.api.digest import PART_SIZE, archive_key
from e2i.api.tags import parse_tag
from e2i.archive.errors import (
    ArchiveConflict,
    ArchiveCorrupted,
    BentoUnreadable,
    BucketAccessDenied,
    BucketNotFound,
    BucketUnreachable,
    ExportCancelled,
    ExportError,
    UploadInterrupted,
)
from e2i.archive.s3.bucket import Bucket
from e2i.archive.s3.bucket_archive import find_archive
from e2i.archive.s3.upload import ONE_REQUEST, StoredObject, Upload

KEY = "bentos/churn/1.0.0/9f.tar"
SMALL = 100_000
LARGE = 40 << 20
CANARY = "CANARYKEY"
# The server tells its time in whole seconds, so what began just now may seem to lie ahead.
AT_ONCE = timedelta(seconds=-2)


class Zeros(io.RawIOBase):
    """`size` zero bytes; `at_half` is called once, when half of them are read."""

    def __init__(self, size: int, at_half: Callable[[], object] = lambda: None) -> None:
        self._left, self._half, self._at_half = size, size // 2, at_half

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left == self._half:
            self._half = 0
            self._at_half()
        count = min(len(buffer), self._left - self._half)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


def an_upload(
    size: int = SMALL, *, stream: io.RawIOBase | None = None, cancel: threading.Event | None = None
) -> Upload:
    sizes = [min(PART_SIZE, size - start) for start in range(0, size, PART_SIZE)]
    parts = tuple(hashlib.sha256(bytes(part)).digest() for part in sizes)
    return Upload(KEY, stream or Zeros(size), size, parts, cancel or threading.Event(), lambda *_: None)


def another(size: int = SMALL) -> Upload:
    """An archive of the same size and key, with a last byte of its own."""
    content = bytes(size - 1) + b"x"
    parts = [content[start : start + PART_SIZE] for start in range(0, size, PART_SIZE)]
    hashes = tuple(hashlib.sha256(part).digest() for part in parts)
    return dataclasses.replace(an_upload(size), stream=io.BytesIO(content), parts=hashes)


def test_each_request_that_is_sent_is_counted(server: S3Server, name: str) -> None:
    asked: list[tuple[str, int]] = []
    may_write = True
    counted = Bucket(
        name, endpoint=server.url, may_write=lambda: may_write, asked=lambda *each: asked.append(each)
    )
    with contextlib.closing(counted):
        assert counted.put_once("records/1", b"{}")
        may_write = False
        with pytest.raises(BucketUnreachable):
            counted.delete("records/1")
    assert asked == [("GetObject", 404), ("PutObject", 200)]
    away = Bucket(name, endpoint=f"http://127.0.0.1:{free_port()}", asked=lambda *each: asked.append(each))
    with contextlib.closing(away), pytest.raises(BucketUnreachable):
        away.get("records/1", 1)
    assert asked[2:] == [("GetObject", 0)] * 3, "each attempt counts"


@pytest.mark.parametrize(
    ("size", "asked_for"),
    [
        (SMALL, ["HeadObject", "PutObject", "HeadObject"]),
        (
            ONE_REQUEST + 1,
            [
                "HeadObject",
                "ListMultipartUploads",
                "CreateMultipartUpload",
                "UploadPart",
                "CompleteMultipartUpload",
                "HeadObject",
            ],
        ),
    ],
)
def test_a_small_archive_takes_three_requests_and_leaves_nothing_half_done(
    server: S3Server, name: str, size: int, asked_for: list[str]
) -> None:
    asked: list[str] = []
    with contextlib.closing(
        Bucket(name, endpoint=server.url, asked=lambda what, _: asked.append(what))
    ) as it:
        it.put_archive(an_upload(size))
    assert asked == asked_for


def test_a_small_archive_that_an_earlier_version_sent_in_parts_is_the_same(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(Upload, "is_small", False)
        sent = bucket.put_archive(an_upload())
    assert sent.checksum.endswith("-1")
    assert bucket.put_archive(an_upload()) == sent


@pytest.mark.parametrize("is_small", [True, False])
def test_of_an_archive_with_a_checksum_only_the_beginning_is_read(
    server: S3Server, name: str, is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upload, "is_small", is_small)
    upload = dataclasses.replace(an_upload(), key=archive_key(parse_tag("churn:1"), an_upload().digest))
    asked: list[str] = []
    with contextlib.closing(
        Bucket(name, endpoint=server.url, asked=lambda what, _: asked.append(what))
    ) as it:
        it.put_archive(upload)
        asked.clear()
        # Zeros hold no bento, which the beginning shows.
        with pytest.raises(BentoUnreadable):
            find_archive(it, parse_tag("churn:1"), upload.digest, "", check=lambda *_: None)
    assert asked == ["HeadObject", "GetObject"]


def test_a_cancel_after_a_small_archive_was_stored_comes_too_late(server: S3Server, name: str) -> None:
    """It is reported as stored, so that whoever asked for it can take it away again."""
    cancel, told = threading.Event(), []

    def stored(operation: str, _: int) -> None:
        if operation == "PutObject":
            cancel.set()
            # Longer than the transfer takes to notice, and less than it waits for what is being sent.
            threading.Event().wait(0.3)

    upload = dataclasses.replace(an_upload(cancel=cancel), progress=lambda *each: told.append(each))
    with contextlib.closing(Bucket(name, endpoint=server.url, asked=stored)) as bucket:
        assert bucket.put_archive(upload).digest == upload.digest
    assert told == [(SMALL, SMALL)]


@pytest.mark.usefixtures("nothing_is_left")
def test_what_was_cancelled_before_is_not_sent(bucket: Bucket) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(ExportCancelled):
        bucket.put_archive(an_upload(cancel=cancel))


@pytest.fixture
def nothing_is_left(s3: Any, name: str) -> Iterator[None]:
    yield
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    assert_no_parts(s3, name)


def unfinished(s3: Any, name: str) -> list[str]:
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", [])]


def assert_no_parts(s3: Any, name: str) -> None:
    """Parts that are under way when an export ends are removed when they arrive: within seconds."""
    deadline = time.monotonic() + 60
    while unfinished(s3, name):
        assert time.monotonic() < deadline, f"parts are left in {name}"
        threading.Event().wait(0.1)


@pytest.mark.parametrize("size", [SMALL, PART_SIZE, LARGE])
def test_an_archive_is_stored_with_its_digest(bucket: Bucket, s3: Any, name: str, size: int) -> None:
    upload = an_upload(size)
    stored = bucket.put_archive(upload)
    expected = upload.checksums[""] if upload.is_small else upload.checksum
    assert stored == StoredObject(f"s3://{name}/{KEY}", size, upload.digest, expected)
    assert s3.get_object(Bucket=name, Key=KEY)["Body"].read() == bytes(size)
    assert_no_parts(s3, name)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_what_is_there_is_not_sent_again(bucket: Bucket, size: int) -> None:
    first = bucket.put_archive(an_upload(size))

    def fail() -> None:
        raise AssertionError("read again")

    assert bucket.put_archive(an_upload(size, stream=Zeros(size, fail))) == first


@pytest.mark.parametrize("other", [another(), an_upload(SMALL + 1)])
def test_another_content_under_the_key_is_a_conflict_and_stays(bucket: Bucket, other: Upload) -> None:
    first = bucket.put_archive(an_upload())
    with pytest.raises(ArchiveConflict, match=r"s3://.*9f\.tar has 100000 bytes"):
        bucket.put_archive(other)
    assert bucket.head(KEY) == first


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_copy_that_lost_our_metadata_is_the_same_archive(
    bucket: Bucket, s3: Any, name: str, size: int
) -> None:
    """As `aws s3 sync` leaves it, through a folder or of a large object."""
    s3.put_object(Bucket=name, Key=KEY, Body=bytes(size))
    upload = an_upload(size)
    assert bucket.put_archive(upload).digest == upload.digest


def test_an_object_of_other_content_without_our_metadata_is_a_conflict(
    bucket: Bucket, s3: Any, name: str
) -> None:
    s3.put_object(Bucket=name, Key=KEY, Body=bytes(SMALL))
    with pytest.raises(ArchiveConflict, match="digest unknown"):
        bucket.put_archive(another())


def test_an_object_whose_metadata_lies_is_a_conflict(bucket: Bucket, s3: Any, name: str) -> None:
    lie = dataclasses.replace(another(), cancel=threading.Event())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Upload, "digest", an_upload().digest)
        patch.setattr(Upload, "is_stored_as", lambda *_: True)
        bucket.put_archive(lie)
    with pytest.raises(ArchiveConflict, match="checksum"):
        bucket.put_archive(an_upload())


def test_a_copy_that_was_cut_differently_is_the_same_archive(bucket: Bucket, s3: Any, name: str) -> None:
    upload = an_upload(LARGE)
    metadata = {"e2i-digest": upload.digest}
    s3.put_object(Bucket=name, Key=KEY, Body=bytes(LARGE), Metadata=metadata, ChecksumAlgorithm="SHA256")
    assert bucket.put_archive(upload).digest == upload.digest


def test_a_part_of_another_content_than_the_digest_says_is_not_published(
    bucket: Bucket, s3: Any, name: str
) -> None:
    wrong = dataclasses.replace(an_upload(LARGE), parts=another(LARGE).parts)
    with pytest.raises(ArchiveCorrupted, match="differ from those sent"):
        bucket.put_archive(wrong)
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    assert_no_parts(s3, name)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("make", [an_upload, another])
def test_of_two_who_upload_at_once_the_first_wins(
    bucket: Bucket, s3: Any, name: str, size: int, make: Callable[[int], Upload]
) -> None:
    first = make(size)
    late = an_upload(size, stream=Zeros(size, lambda: bucket.put_archive(first)))
    if first.digest == late.digest:
        assert bucket.put_archive(late).digest == first.digest
    else:
        with pytest.raises(ArchiveConflict, match=first.digest):
            bucket.put_archive(late)
    assert_no_parts(s3, name)


def test_uploads_at_the_same_time_all_succeed(bucket: Bucket, s3: Any, name: str) -> None:
    results: list[StoredObject] = []
    uploads = [
        threading.Thread(target=lambda: results.append(bucket.put_archive(an_upload(LARGE))))
        for _ in range(3)
    ]
    for upload in uploads:
        upload.start()
    for upload in uploads:
        upload.join()
    assert len(results) == 3
    assert len(set(results)) == 1
    assert_no_parts(s3, name)


def test_a_missing_key_is_not_there(bucket: Bucket) -> None:
    assert bucket.head(KEY) is None


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_cancel_stops_within_two_seconds_though_the_server_hangs(
    behind_proxy: Bucket, proxy: FaultProxy, s3: Any, name: str, size: int
) -> None:
    cancel, cancelled = threading.Event(), []
    proxy.set(Fault("stall", at=size // 2, connections=1))

    def cancel_when_it_hangs() -> None:
        assert proxy.hit.wait(30)
        cancelled.append(time.monotonic())
        cancel.set()

    threading.Thread(target=cancel_when_it_hangs).start()
    with pytest.raises(ExportCancelled):
        behind_proxy.put_archive(an_upload(size, cancel=cancel))
    assert time.monotonic() - cancelled[0] < 2
    assert_no_parts(s3, name)


@pytest.mark.usefixtures("nothing_is_left")
def test_a_cancel_between_two_parts_leaves_nothing(bucket: Bucket) -> None:
    cancel = threading.Event()
    with pytest.raises(ExportCancelled):
        bucket.put_archive(an_upload(LARGE, stream=Zeros(LARGE, cancel.set), cancel=cancel))


@pytest.mark.usefixtures("nothing_is_left")
def test_a_failing_stream_leaves_nothing(bucket: Bucket) -> None:
    def fail() -> None:
        raise UploadInterrupted("the disk")

    with pytest.raises(UploadInterrupted, match="the disk"):
        bucket.put_archive(an_upload(LARGE, stream=Zeros(LARGE, fail)))


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_connection_that_is_cut_once_is_made_again(
    behind_proxy: Bucket, proxy: FaultProxy, size: int
) -> None:
    proxy.set(Fault("cut", at=size // 2, connections=1))
    assert behind_proxy.put_archive(an_upload(size)).size == size
    assert proxy.hit.is_set()


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_connection_that_is_cut_each_time_ends_the_export(
    behind_proxy: Bucket, proxy: FaultProxy, bucket: Bucket, s3: Any, name: str, size: int
) -> None:
    proxy.set(Fault("cut", at=size // 2))
    with pytest.raises((UploadInterrupted, BucketUnreachable), match=name):
        behind_proxy.put_archive(an_upload(size))
    proxy.set(None)
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    # The abort could not get through; the next export clears up and succeeds. What is sent at once leaves nothing.
    assert bucket.abort_stale_uploads(KEY, AT_ONCE) == (0 if size == SMALL else 1)
    assert behind_proxy.put_archive(an_upload(size)).size == size
    assert_no_parts(s3, name)


def test_a_server_that_stops_answering_is_given_up(behind_proxy: Bucket, proxy: FaultProxy) -> None:
    proxy.set(Fault("stall", at=SMALL // 2))
    with pytest.raises((UploadInterrupted, BucketUnreachable)):
        behind_proxy.put_archive(an_upload())


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_byte_that_changes_on_the_way_is_never_published(
    behind_proxy: Bucket, proxy: FaultProxy, s3: Any, name: str, size: int
) -> None:
    # Beyond the first headers, so that it is a byte of the archive.
    proxy.set(Fault("flip", at=size // 2))
    with contextlib.suppress(ExportError):
        behind_proxy.put_archive(an_upload(size))
    assert proxy.hit.is_set()
    for found in s3.list_objects_v2(Bucket=name).get("Contents", []):
        assert s3.get_object(Bucket=name, Key=found["Key"])["Body"].read() == bytes(size)
    assert_no_parts(s3, name)


def test_what_a_killed_export_left_is_aborted_once_it_is_stale(bucket: Bucket, s3: Any, name: str) -> None:
    upload = s3.create_multipart_upload(Bucket=name, Key=KEY)
    part = {"Bucket": name, "Key": KEY, "UploadId": upload["UploadId"], "PartNumber": 1}
    s3.upload_part(**part, Body=bytes(5 << 20))
    s3.create_multipart_upload(Bucket=name, Key="somebody/else")
    assert bucket.abort_stale_uploads("bentos/", timedelta(minutes=15)) == 0
    assert bucket.abort_stale_uploads("bentos/", AT_ONCE) == 1
    assert unfinished(s3, name) == ["somebody/else"]


def test_the_server_is_asked_whether_it_refuses_to_overwrite(bucket: Bucket) -> None:
    assert bucket.has_conditional_writes() is True
    assert bucket.has_conditional_writes() is True


def _ask(bucket: Bucket) -> list[ExportError]:
    failures = []
    for question in (lambda: bucket.head(KEY), lambda: bucket.put_archive(an_upload(LARGE))):
        with pytest.raises(ExportError) as raised:
            question()
        assert raised.value.__cause__ is None
        failures.append(raised.value)
    bucket.close()
    return failures


def test_a_server_that_is_down_is_unreachable(name: str) -> None:
    for failure in _ask(Bucket(name, endpoint=f"http://user:{CANARY}@127.0.0.1:{free_port()}")):
        assert isinstance(failure, BucketUnreachable)
        assert f"the bucket {name} at http://127.0.0.1:" in failure.message
        assert CANARY not in failure.message


@pytest.mark.parametrize("missing", ["no-such-bucket", "No_Bucket!"])
def test_a_missing_bucket_is_not_found(server: S3Server, missing: str) -> None:
    for failure in _ask(Bucket(missing, endpoint=server.url)):
        assert isinstance(failure, BucketNotFound)
        assert missing in failure.message


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_refused_and_shown_nowhere(
    server: S3Server, name: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, CANARY)
    for failure in _ask(Bucket(name, endpoint=server.url)):
        assert isinstance(failure, BucketAccessDenied)
        assert "request " in failure.message
        for secret in (CANARY, "Signature=", "AWS4-HMAC"):
            assert secret not in repr(failure)


def test_without_credentials_it_says_so(server: S3Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for failure in _ask(Bucket(name, endpoint=server.url)):
        assert isinstance(failure, BucketAccessDenied)
        assert "no usable credentials" in failure.message


def test_an_operator_that_lost_its_lease_reads_but_writes_nothing(
    bucket: Bucket, server: S3Server, name: str, s3: Any
) -> None:
    bucket.put_archive(an_upload(LARGE))
    holds_lease = True
    fenced = Bucket(name, endpoint=server.url, may_write=lambda: holds_lease)
    with contextlib.closing(fenced):
        fenced.put_once("records/1", b"{}")
        holds_lease = False
        assert fenced.head(KEY)
        for write in (
            lambda: fenced.put_archive(dataclasses.replace(an_upload(LARGE), key="bentos/another")),
            lambda: fenced.put_once("records/2", b"{}"),
            lambda: fenced.delete(KEY),
        ):
            with pytest.raises(BucketUnreachable, match="another operator may be active"):
                write()
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=name)["Contents"]]
    assert keys == [KEY, "records/1"]
    assert unfinished(s3, name) == []
