"""The upload of an archive: of a small one as it is, of any other the parts, which are then completed or aborted.

It does not interpret errors: it lets them through as boto raises them, and `archive.s3.bucket` translates them.
"""

from __future__ import annotations

import base64
import contextlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from e2i.api.digest import PART_SIZE, archive_digest
from e2i.archive.chunked_transfer import Progress, Transfer
from e2i.archive.errors import ArchiveConflict, ExportCancelled
from e2i.archive.s3.connection import Clients

DIGEST = "e2i-digest"
NAMESPACE = "e2i-namespace"
ANY = "*"
ONE_REQUEST = 1 << 20
"""Most bytes of an archive that one request stores: nothing can be left half done. More may take a while, and a cancel
would leave it behind."""


@dataclass(frozen=True)
class StoredObject:
    """An object in the bucket; `size` in bytes, `digest` from its metadata ("" if it has none)."""

    uri: str
    size: int
    digest: str
    checksum: str = ""
    """The server's own checksum of the object in base64, "" if it keeps none; after parts also "-" and their number."""
    namespace: str = ""
    """The namespace that an operator uploaded it for; "" if somebody else brought it."""

    def is_content(self, digest: str, read: Callable[[], str]) -> bool:
        """Compare the digest with the server's checksum; if that is not of our parts, with the content.

        `read` reads the whole object for it. Metadata decides nothing: whoever uploads an object writes it, and a
        copy of the bucket may have lost it.
        """
        parts = max(1, -(-self.size // PART_SIZE))
        checksum, _, cut = self.checksum.partition("-")
        if cut == str(parts):
            return checksum == _base64(bytes.fromhex(digest.removeprefix("sha256:")))
        if checksum and not cut and parts == 1:
            # It was stored in one request: the checksum is that of its only part.
            with contextlib.suppress(ValueError):
                return archive_digest((base64.b64decode(checksum),)) == digest
        return read() == digest


@dataclass(frozen=True)
class Upload:
    """An archive to upload: `size` bytes of `stream` to `key`; `parts` has the sha256 of each part.

    The thread that uploads calls `progress`.
    """

    key: str
    stream: io.RawIOBase
    size: int
    parts: tuple[bytes, ...]
    cancel: threading.Event
    progress: Progress
    namespace: str = ""
    """The namespace that it is uploaded for; only models of this namespace may delete it."""

    @property
    def is_small(self) -> bool:
        """Whether one request stores it."""
        return self.size <= ONE_REQUEST

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the object."""
        return {DIGEST: self.digest, **({NAMESPACE: self.namespace} if self.namespace else {})}

    @property
    def digest(self) -> str:
        return archive_digest(self.parts)

    @property
    def checksum(self) -> str:
        """The checksum that S3 computes for an object uploaded in these parts."""
        return f"{_base64(bytes.fromhex(self.digest.removeprefix('sha256:')))}-{len(self.parts)}"

    @property
    def checksums(self) -> dict[str, str]:
        """The checksums that S3 may have of this archive, by the number of parts that they name."""
        whole = {"": _base64(self.parts[0])} if len(self.parts) == 1 else {}
        return {**whole, str(len(self.parts)): self.checksum}

    def is_stored_as(self, stored: StoredObject) -> bool:
        """Return whether `stored` is this archive: by checksum, digest and size.

        A copy that was uploaded in parts of another size has another checksum: then only digest and size count.
        """
        known = self.checksums.get(stored.checksum.partition("-")[2]) if stored.checksum else None
        return known in (None, stored.checksum) and (stored.digest, stored.size) == (self.digest, self.size)

    def is_copied_as(self, stored: StoredObject, read: Callable[[], str]) -> bool:
        """Return whether `stored` is this archive without our metadata, as a tool that copies buckets leaves it."""
        return not stored.digest and stored.size == self.size and stored.is_content(self.digest, read)

    def conflict_with(self, stored: StoredObject) -> ArchiveConflict:
        """Return the error of an object that has this archive's key and is not this archive."""
        return ArchiveConflict(
            f"{stored.uri} has {stored.size} bytes of digest {stored.digest or 'unknown'} and checksum "
            f"{stored.checksum or 'unknown'}, not {self.size} bytes of {self.digest}: somebody else "
            "wrote it. Look at it, then delete it."
        )


class Uploads:
    """Uploads to one bucket."""

    def __init__(self, bucket: str, clients: Clients) -> None:
        self._bucket = bucket
        self._clients = clients

    def send(self, upload: Upload) -> None:
        """Store the archive unless its key exists by then. After any failure nothing incomplete is left."""
        send = self._send_whole if upload.is_small else self._send_parts
        send(upload)

    def _send_whole(self, upload: Upload) -> None:
        stored = threading.Event()

        def send(_: int, body: bytearray) -> None:
            self._clients.upload.put_object(
                Bucket=self._bucket,
                Key=upload.key,
                Body=body,
                Metadata=upload.metadata,
                ChecksumSHA256=_base64(upload.parts[0]),
                IfNoneMatch=ANY,
            )
            stored.set()

        if upload.cancel.is_set():
            raise ExportCancelled
        try:
            Transfer(send, upload.cancel, upload.progress).run(upload.stream, upload.size)
        except ExportCancelled:
            if not stored.is_set():
                raise
            # Too late: it is there, and is told as such, so that somebody takes it away if nobody needs it.
            upload.progress(upload.size, upload.size)

    def _send_parts(self, upload: Upload) -> None:
        """Upload all parts and complete the object. Abort on any failure."""
        place = {"Bucket": self._bucket, "Key": upload.key}
        place["UploadId"] = self._clients.default.create_multipart_upload(
            **place, Metadata=upload.metadata, ChecksumAlgorithm="SHA256"
        )["UploadId"]
        aborted = threading.Event()

        def send(number: int, body: bytearray) -> dict[str, Any]:
            checksum = _base64(upload.parts[number - 1])
            part = {"PartNumber": number, "ChecksumSHA256": checksum}
            try:
                return {**part, "ETag": self._clients.upload.upload_part(**place, **part, Body=body)["ETag"]}
            finally:
                # A part that is stored after the abort would stay for ever.
                if aborted.is_set():
                    self._abort(place)

        try:
            parts = Transfer(send, upload.cancel, upload.progress).run(upload.stream, upload.size)
            if upload.cancel.is_set():
                raise ExportCancelled
            self._clients.upload.complete_multipart_upload(
                **place, MultipartUpload={"Parts": parts}, IfNoneMatch=ANY
            )
        except BaseException:
            aborted.set()
            self._abort(place)
            raise

    def abort_stale(self, prefix: str, older_than: timedelta) -> int:
        """Abort uploads below the prefix that got no part for `older_than`; return how many it aborted."""
        aborted = 0
        lister = self._clients.default.get_paginator("list_multipart_uploads")
        for page in lister.paginate(Bucket=self._bucket, Prefix=prefix):
            now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
            for listed in page.get("Uploads", []):
                found = {"Bucket": self._bucket, "Key": listed["Key"], "UploadId": listed["UploadId"]}
                if now - self._last_sign(found, listed["Initiated"]) >= older_than:
                    # Meanwhile its sender, or somebody else, may have ended it.
                    with contextlib.suppress(self._clients.default.exceptions.NoSuchUpload):
                        self._clients.default.abort_multipart_upload(**found)
                        aborted += 1
        return aborted

    def _last_sign(self, upload: dict[str, str], begun: datetime) -> datetime:
        """Return the time at which the upload started or got its last part."""
        last = begun
        with contextlib.suppress(self._clients.default.exceptions.NoSuchUpload):
            for page in self._clients.default.get_paginator("list_parts").paginate(**upload):
                last = max([last, *(part["LastModified"] for part in page.get("Parts", []))])
        return last

    def _abort(self, upload: dict[str, str]) -> None:
        # If this fails, abort_stale finds the upload later.
        with contextlib.suppress(ClientError, BotoCoreError):
            self._clients.abort.abort_multipart_upload(**upload)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
