"""Read and write objects of the bucket: archives, which `archive.s3.upload` sends, and small objects.

Objects are written once and never overwritten. The key of an archive contains its digest. Every part is sent with the
sha256 that is also in the digest, and the server refuses a part with another one. When the object is complete, the
server's own checksum of it is compared too. Without `If-None-Match` a race can only replace an archive by an equal one.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from e2i.api.digest import PART_SIZE, archive_digest
from e2i.archive.errors import (
    ArchiveCorrupted,
    BucketRefused,
    BucketUnreachable,
    ExportError,
    UploadInterrupted,
)
from e2i.archive.s3.connection import Clients, bucket_label, open_clients
from e2i.archive.s3.refusals import error_code, export_error, http_status
from e2i.archive.s3.upload import ANY, DIGEST, NAMESPACE, StoredObject, Upload, Uploads

# An upload that got no part for this time has no sender any more: each attempt ends after READ_TIMEOUT.
STALE_AFTER = timedelta(minutes=15)
READ_TIMEOUT = 60.0
PROBE_KEY = ".e2i/conditional-write-probe"
"""Below the prefix of the installation: its rights may end there."""


class Bucket:
    """One bucket of one S3 server, with the default credential chain. Safe to use from several threads.

    Every method raises an ExportError if the server refuses or does not answer.
    """

    def __init__(
        self,
        name: str,
        *,
        endpoint: str = "",
        region: str = "us-east-1",
        read_timeout: float = READ_TIMEOUT,
        may_write: Callable[[], bool] | None = None,
        asked: Callable[[str, int], None] | None = None,
    ) -> None:
        """`may_write` is asked before each request that changes the bucket; without it all are sent.

        `asked` gets operation and status of each request, see `Clients.count`.
        """
        self.name = name
        self._place = bucket_label(name, endpoint)
        self._clients: Clients = open_clients(endpoint, region, read_timeout)
        if may_write:
            self._clients.fence(may_write, self._place)
        if asked:
            self._clients.count(asked)
        self._uploads = Uploads(name, self._clients)

    def close(self) -> None:
        self._clients.close()

    def head(self, key: str, *, confirm: bool = True) -> StoredObject | None:
        """Return the object with this key, or None if there is none.

        A HEAD has no body, so its refusal may also mean the bucket or the credentials: `confirm` by a GET says which.
        """
        with self._failures():
            try:
                answer = self._clients.default.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
            except ClientError as error:
                if http_status(error) >= 500:
                    raise
                if confirm:
                    self._confirm_missing(key)
                return None
        metadata = answer["Metadata"]
        return StoredObject(
            uri=f"s3://{self.name}/{key}",
            size=answer["ContentLength"],
            digest=metadata.get(DIGEST, ""),
            checksum=answer.get("ChecksumSHA256", ""),
            namespace=metadata.get(NAMESPACE, ""),
        )

    def get(self, key: str, most: int) -> bytes | None:
        """Return the first `most` bytes of the object with this key, or None if there is none."""
        with self._failures():
            try:
                answer = self._clients.default.get_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    return None
                raise
            with contextlib.closing(answer["Body"]) as body:
                # Without a limit, read() notices an answer that breaks off.
                return bytes(body.read(most) if answer["ContentLength"] > most else body.read())

    def read_digest(self, key: str) -> str:
        """Read the whole object and return the digest of its content; empty if there is none."""
        with self._failures():
            try:
                answer = self._clients.default.get_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    return ""
                raise
            with contextlib.closing(answer["Body"]) as body:
                parts = (hashlib.sha256(part).digest() for part in body.iter_chunks(PART_SIZE))
                return archive_digest(tuple(parts))

    def put_once(self, key: str, body: bytes) -> bool:
        """Store a small object; return False if the key already has an object, which then stays as it is."""
        # For servers that ignore If-None-Match; and the timeouts of GET are shorter if the server is down.
        # Not a HEAD: for a missing key that takes two requests, and another writer may come in between.
        if self.get(key, most=1) is not None:
            return False
        with self._failures():
            try:
                self._clients.upload.put_object(Bucket=self.name, Key=key, Body=body, IfNoneMatch=ANY)
            except ClientError as error:
                # Another writer was first, or this write succeeded and its answer was lost.
                if http_status(error) != 412:
                    raise
                return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield all keys that start with the prefix, page by page, in the server's order."""
        return (key for key, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield the same with the bytes of each object."""
        with self._failures():
            lister = self._clients.default.get_paginator("list_objects_v2")
            for page in lister.paginate(Bucket=self.name, Prefix=prefix):
                yield from ((each["Key"], each["Size"]) for each in page.get("Contents", []))

    def delete(self, key: str) -> None:
        """Delete the object with this key; a missing object is no error."""
        with self._failures():
            try:
                self._clients.default.delete_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error_code(error) != "NoSuchKey":
                    raise

    def put_archive(self, upload: Upload) -> StoredObject:
        """Store the archive if it is not there yet, check the stored object, and return it.

        After a failure or a cancel no parts are left, and no incomplete object. Raises ExportError or ExportCancelled,
        and the errors of the stream.
        """
        # The upload itself reports what else a refusal may mean.
        there = self.head(upload.key, confirm=False)
        if there is None:
            if not upload.is_small:
                # Best effort: the right to list uploads may be missing, and the upload reports all other errors.
                with contextlib.suppress(ExportError):
                    self.abort_stale_uploads(upload.key)
            there = self._put(upload)
        read = partial(self.read_digest, upload.key)
        if not upload.is_stored_as(there) and not upload.is_copied_as(there, read):
            raise upload.conflict_with(there)
        return replace(there, digest=upload.digest)

    def abort_stale_uploads(self, prefix: str, older_than: timedelta = STALE_AFTER) -> int:
        """Abort uploads below the prefix that got no part for `older_than`; return how many there were.

        A killed operator leaves such uploads. Their age is measured by the server's clock alone.
        """
        with self._failures():
            return self._uploads.abort_stale(prefix, older_than)

    def has_conditional_writes(self, prefix: str = "") -> bool:
        """Return whether the server refuses to overwrite if asked to. Leaves one empty object, PROBE_KEY."""
        there = self._probe(prefix, (412, 501), IfNoneMatch=ANY)
        return (there or self._probe(prefix, (412, 501), IfNoneMatch=ANY)) == 412

    def has_checksums(self, prefix: str = "") -> bool:
        """Return whether the server refuses a body that differs from its sha256. Leaves one empty object, PROBE_KEY."""
        return self._probe(prefix, (400,), ChecksumSHA256=base64.b64encode(bytes(32)).decode()) == 400

    def _probe(self, prefix: str, refusals: tuple[int, ...], **condition: str) -> int | None:
        """Put the empty object PROBE_KEY; return the status if it is one of these refusals, None if it is stored."""
        with self._failures():
            try:
                key = f"{prefix}{PROBE_KEY}"
                self._clients.default.put_object(Bucket=self.name, Key=key, Body=b"", **condition)
            except ClientError as error:
                if http_status(error) in refusals:
                    return http_status(error)
                raise
        return None

    def _confirm_missing(self, key: str) -> None:
        """Raise an error if the refusal of a HEAD means more than a missing key."""
        try:
            self._clients.default.get_object(Bucket=self.name, Key=key, Range="bytes=0-0")
        except ClientError as error:
            if error_code(error) != "NoSuchKey":
                raise
        else:
            raise BucketUnreachable(
                f"{self._place} gave two different answers for {key}; the operator tries again."
            )

    def _put(self, upload: Upload) -> StoredObject:
        """Upload the archive; return the object with its key, which another exporter may have stored first."""
        try:
            with self._failures(UploadInterrupted):
                self._uploads.send(upload)
        except (BucketUnreachable, BucketRefused, UploadInterrupted):
            # The reply may be lost, or another exporter was first: the caller compares the stored object.
            if there := self.head(upload.key):
                return there
            raise
        stored = self.head(upload.key)
        if stored is None:
            raise UploadInterrupted(
                f"{upload.key} was stored in {self._place} and is missing now; it is sent again."
            )
        if not upload.is_stored_as(stored):
            # We stored it, and it is damaged.
            self.delete(upload.key)
            raise ArchiveCorrupted(
                f"{stored.uri} was sent as {upload.size} bytes with checksum {upload.checksum} and stored as "
                f"{stored.size} with {stored.checksum}; it was removed. Check the disks of the S3 server."
            )
        return stored

    @contextlib.contextmanager
    def _failures(self, unanswered: type[ExportError] = BucketUnreachable) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            # Not chained: a logged cause would show the server's text, which may hold the access key.
            raise export_error(error, self._place, unanswered) from None
