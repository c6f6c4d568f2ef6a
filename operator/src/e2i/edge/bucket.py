"""The bucket: the only part of the operator that calls S3.

Archives are stored under their digest and never overwritten. Every part carries the sha256 that went into the
digest, and the server refuses a part of another; when the object is complete, the server's own checksum of it
is compared once more. Where a server ignores `If-None-Match`, a race can only replace an archive by itself.
"""

from __future__ import annotations

import base64
import contextlib
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from e2i.core.digest import archive_digest
from e2i.core.failures import (
    ArchiveConflict,
    ArchiveCorrupted,
    BucketUnreachable,
    ExportCancelled,
    ExportFailure,
    UploadInterrupted,
)
from e2i.edge.parts import Progress, Transfer
from e2i.edge.s3 import Clients, error_code, failure_of, open_clients, place_of, status_of

DIGEST = "e2i-digest"
ANY = "*"
# An upload that got no part for so long has nobody left who sends: each try ends after READ_TIMEOUT.
STALE_AFTER = timedelta(minutes=15)
READ_TIMEOUT = 60.0
PROBE_KEY = ".e2i/conditional-write-probe"


@dataclass(frozen=True)
class Stored:
    """An archive in the bucket; `size` in bytes, `digest` as its metadata says ("" without)."""

    uri: str
    size: int
    digest: str
    checksum: str = ""
    """The server's own checksum of the object, "" if it keeps none: base64, "-", number of parts."""


@dataclass(frozen=True)
class Upload:
    """What to store: `size` bytes of `stream` under `key`, whose parts have the sha256 in `parts`.

    `progress` is called by the thread that uploads.
    """

    key: str
    stream: io.RawIOBase
    size: int
    parts: tuple[bytes, ...]
    cancel: threading.Event
    progress: Progress

    @property
    def digest(self) -> str:
        return archive_digest(self.parts)

    @property
    def checksum(self) -> str:
        """What S3 shows of an object that was uploaded in these parts."""
        return f"{_base64(bytes.fromhex(self.digest.removeprefix('sha256:')))}-{len(self.parts)}"

    def is_stored_as(self, stored: Stored) -> bool:
        """A copy that was cut differently has another checksum: then only size and metadata speak."""
        comparable = stored.checksum.partition("-")[2] == str(len(self.parts))
        sound = not comparable or stored.checksum == self.checksum
        return sound and (stored.digest, stored.size) == (self.digest, self.size)


class Bucket:
    """One bucket of one S3 server, with the default credential chain. Safe to use from several threads."""

    def __init__(
        self, name: str, *, endpoint: str = "", region: str = "us-east-1", read_timeout: float = READ_TIMEOUT
    ) -> None:
        self.name = name
        self._place = place_of(name, endpoint)
        self._clients: Clients = open_clients(endpoint, region, read_timeout)

    def close(self) -> None:
        self._clients.close()

    def head(self, key: str) -> Stored | None:
        """What lies under the key, None if nothing does; an ExportFailure if that cannot be known."""
        with self._failures():
            try:
                answer = self._clients.asking.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
            except ClientError as error:
                if status_of(error) >= 500:
                    raise
                self._confirm_missing(key)
                return None
        digest, checksum = answer["Metadata"].get(DIGEST, ""), answer.get("ChecksumSHA256", "")
        return Stored(f"s3://{self.name}/{key}", answer["ContentLength"], digest, checksum)

    def put_archive(self, upload: Upload) -> Stored:
        """Store the archive unless it is there already, then look at it again.

        Any failure or cancel leaves no parts behind, and no object but a whole one. Raises ExportFailure or
        ExportCancelled, and what the stream raises.
        """
        there = self.head(upload.key)
        if there is None:
            # Best effort: the right to list uploads may be missing, and the upload itself tells of the rest.
            with contextlib.suppress(ExportFailure):
                self.abort_stale_uploads(upload.key)
            there = self._put(upload)
        if not upload.is_stored_as(there):
            raise ArchiveConflict(
                f"{there.uri} has {there.size} bytes of digest {there.digest or 'unknown'} and checksum "
                f"{there.checksum or 'unknown'}, not {upload.size} bytes of {upload.digest}: somebody else "
                "wrote it. Look at it, then delete it."
            )
        return there

    def abort_stale_uploads(self, prefix: str, older_than: timedelta = STALE_AFTER) -> int:
        """Abort uploads below the prefix that nobody sends parts of any more; how many there were.

        They are what a killed operator leaves. Their age is told by the server's clock alone.
        """
        aborted = 0
        with self._failures():
            lister = self._clients.asking.get_paginator("list_multipart_uploads")
            for page in lister.paginate(Bucket=self.name, Prefix=prefix):
                now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                for listed in page.get("Uploads", []):
                    found = {"Bucket": self.name, "Key": listed["Key"], "UploadId": listed["UploadId"]}
                    if now - self._last_sign(found, listed["Initiated"]) >= older_than:
                        self._abort(found)
                        aborted += 1
        return aborted

    def conditional_writes(self) -> bool:
        """Does the server refuse to overwrite when asked to? Leaves one empty object, PROBE_KEY."""
        with self._failures():
            for _ in range(2):
                try:
                    self._clients.asking.put_object(
                        Bucket=self.name, Key=PROBE_KEY, Body=b"", IfNoneMatch=ANY
                    )
                except ClientError as error:
                    if status_of(error) in (412, 501):
                        return status_of(error) == 412
                    raise
        return False

    def _confirm_missing(self, key: str) -> None:
        """A HEAD has no body: 404 may mean the key, the bucket or the credentials. A GET says which."""
        try:
            self._clients.asking.get_object(Bucket=self.name, Key=key, Range="bytes=0-0")
        except ClientError as error:
            if error_code(error) != "NoSuchKey":
                raise
        else:
            raise BucketUnreachable(f"{self._place} gave two answers about {key}; it is asked again.")

    def _put(self, upload: Upload) -> Stored:
        """Upload; what lies under the key then, which is another's if that one was first."""
        try:
            with self._failures(UploadInterrupted):
                self._send(upload)
        except (BucketUnreachable, UploadInterrupted):
            # The reply may be lost, or another exporter was first: what lies there is compared by the caller.
            if there := self.head(upload.key):
                return there
            raise
        stored = self.head(upload.key)
        if stored is None:
            raise UploadInterrupted(
                f"{upload.key} was stored in {self._place} and is gone; it is sent again."
            )
        if not upload.is_stored_as(stored):
            # It is ours, and of no use.
            with self._failures():
                self._clients.asking.delete_object(Bucket=self.name, Key=upload.key)
            raise ArchiveCorrupted(
                f"{stored.uri} was sent as {upload.size} bytes with checksum {upload.checksum} and stored as "
                f"{stored.size} with {stored.checksum}; it was removed. Check the disks of the S3 server."
            )
        return stored

    def _send(self, upload: Upload) -> None:
        place = {"Bucket": self.name, "Key": upload.key}
        place["UploadId"] = self._clients.asking.create_multipart_upload(
            **place, Metadata={DIGEST: upload.digest}, ChecksumAlgorithm="SHA256"
        )["UploadId"]
        aborted = threading.Event()

        def send(number: int, body: bytearray) -> dict[str, Any]:
            checksum = _base64(upload.parts[number - 1])
            part = {"PartNumber": number, "ChecksumSHA256": checksum}
            try:
                return {**part, "ETag": self._clients.sending.upload_part(**place, **part, Body=body)["ETag"]}
            finally:
                # A part that ends after the abort would stay for ever.
                if aborted.is_set():
                    self._abort(place)

        try:
            parts = Transfer(send, upload.cancel, upload.progress).run(upload.stream, upload.size)
            if upload.cancel.is_set():
                raise ExportCancelled
            self._clients.sending.complete_multipart_upload(
                **place, MultipartUpload={"Parts": parts}, IfNoneMatch=ANY
            )
        except BaseException:
            aborted.set()
            self._abort(place)
            raise

    def _last_sign(self, upload: dict[str, str], begun: datetime) -> datetime:
        """When the upload began or got its last part."""
        last = begun
        with contextlib.suppress(self._clients.asking.exceptions.NoSuchUpload):
            for page in self._clients.asking.get_paginator("list_parts").paginate(**upload):
                last = max([last, *(part["LastModified"] for part in page.get("Parts", []))])
        return last

    def _abort(self, upload: dict[str, str]) -> None:
        # What cannot be aborted now is found by abort_stale_uploads.
        with contextlib.suppress(ClientError, BotoCoreError):
            self._clients.aborting.abort_multipart_upload(**upload)

    @contextlib.contextmanager
    def _failures(self, unanswered: type[ExportFailure] = BucketUnreachable) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            # Not chained: a logged cause would show the server's text, which may hold the access key.
            raise failure_of(error, self._place, unanswered) from None


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
