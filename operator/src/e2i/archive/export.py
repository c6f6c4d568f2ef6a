"""Export one bento from the store to the bucket: find it, hash it, archive it, upload it.

Blocking, for a thread. An export needs memory for SENDERS parts (64 MiB) and no disk; the caller decides how many run
at the same time. To export a bento that is already in the bucket costs a look at the files and one HEAD request.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from e2i.api.artifact import ArchivePlace, Artifact
from e2i.api.conditions import Reason
from e2i.api.digest import MOST_PARTS, PART_SIZE, archive_digest, archive_key
from e2i.api.problem import Problem
from e2i.api.tags import Tag, TagRefused, parse_tag
from e2i.archive.bento_store import FoundBento, find_bento, last_change
from e2i.archive.canonical_tar import ArchiveStream, archive_size
from e2i.archive.content_digest import part_digests
from e2i.archive.errors import (
    ArchiveCorrupted,
    BentoNotFound,
    BentoTooLarge,
    BentoUnreadable,
    ExportCancelled,
    ExportError,
    ModelMissing,
)
from e2i.archive.export_progress import Attempt, Unsettled
from e2i.archive.s3.bucket import Bucket
from e2i.archive.s3.bucket_archive import find_archive
from e2i.archive.s3.upload import StoredObject, Upload
from e2i.archive.size_limits import SizeLimits

REMEMBERED = 1000
SETTLED = 2.0
"""Seconds without a change after which a bento counts as complete: building and copying take a while."""


class Exporter:
    """Exports bentos of one store into one bucket; safe to call from several threads.

    It remembers the digests of the last bentos by the size and times of their files: it reads an unchanged bento once.
    """

    def __init__(
        self,
        store: Path,
        bucket: Bucket,
        prefix: str = "",
        limits: SizeLimits | None = None,
        *,
        is_shared: bool = True,
    ) -> None:
        """`is_shared`: whether namespaces use the same archives."""
        self._store = store
        self._bucket = bucket
        self._place = ArchivePlace(bucket.name, prefix, is_shared)
        self._limits = limits or SizeLimits()
        self._known: dict[str, tuple[bytes, ...]] = {}
        self._lock = threading.Lock()

    def __call__(self, attempt: Attempt) -> Artifact | Problem:
        """Return the archive once it is in the bucket, also if another process uploaded it, or the problem.

        Waits while the bento changes.
        """
        result = self.attempt(attempt)
        while isinstance(result, Unsettled):
            if attempt.cancel.wait(SETTLED):
                return _cancelled(attempt)
            result = self.attempt(replace(attempt, seen=result))
        return result

    def attempt(self, attempt: Attempt) -> Artifact | Problem | Unsettled:
        """Return the archive or the problem; Unsettled if the bento changed a moment ago."""
        tag, _, digest = attempt.reference.partition("@")
        try:
            if digest:
                folder = self._place.folder(attempt.namespace)
                limited = partial(self._limits.check, namespace=attempt.namespace)
                return find_archive(self._bucket, parse_tag(tag), digest, folder, check=limited)
            bento = self._settled(parse_tag(tag), attempt.seen)
            if isinstance(bento, Unsettled):
                return bento
            largest = max(bento.pieces, key=lambda piece: piece.member.size)
            self._limits.check(f"The bento {tag}", bento.size, attempt.namespace, str(largest.source))
            archive = self._export(bento, attempt)
        except TagRefused as refused:
            return Problem(reason=Reason.TagRefused, message=refused.message, stalled=True)
        except ExportError as failure:
            return Problem(
                reason=Reason[failure.reason], message=failure.message, stalled=not failure.is_temporary
            )
        except ExportCancelled:
            return _cancelled(attempt)
        return Artifact(
            tag=tag,
            digest=archive.digest,
            uri=archive.uri,
            size=archive.size,
            service=bento.service,
            bentoml_version=bento.bentoml_version,
            path_prefix=bento.path_prefix,
        )

    def _settled(self, tag: Tag, seen: Unsettled | None) -> FoundBento | Unsettled:
        """Find the bento. While its files change it is not complete: a bento that is being copied looks damaged."""
        try:
            bento = find_bento(self._store, tag)
        except (BentoUnreadable, ModelMissing):
            changed = last_change(self._store, tag)
            if seen == Unsettled(changed) or time.time() - changed >= SETTLED:
                raise
            return Unsettled(changed)
        # The file system's clock may be ahead: then a second look with the same result is enough.
        if seen == Unsettled(bento.signature) or time.time() - bento.changed >= SETTLED:
            return bento
        return Unsettled(bento.signature)

    def _export(self, bento: FoundBento, attempt: Attempt) -> StoredObject:
        size = archive_size(bento.pieces)
        if size > MOST_PARTS * PART_SIZE:
            raise BentoTooLarge(
                f"The archive of {bento.tag} has {size} bytes, and S3 takes {MOST_PARTS * PART_SIZE}."
            )
        parts = self._parts(bento, attempt)
        digest = archive_digest(parts)
        if attempt.wanted and digest != attempt.wanted:
            raise BentoNotFound(
                f"The bento store has another content under {bento.tag}: {digest}, and not {attempt.wanted}."
            )
        key = archive_key(bento.tag, digest, self._place.folder(attempt.namespace))
        try:
            with ArchiveStream(bento.pieces) as stream:
                upload = Upload(
                    key, stream, size, parts, attempt.cancel, attempt.progress, namespace=attempt.namespace
                )
                return self._bucket.put_archive(upload)
        except ArchiveCorrupted:
            # Two changes within one tick of the clock give the same file times: read the whole bento again.
            with self._lock:
                self._known.pop(bento.signature, None)
            raise

    def _parts(self, bento: FoundBento, attempt: Attempt) -> tuple[bytes, ...]:
        """Return the sha256 of each part of the archive."""
        with self._lock:
            parts = self._known.pop(bento.signature, None)
        if parts is None:
            read = partial(attempt.progress, step="read")
            parts = part_digests(bento, attempt.cancel, read)
        with self._lock:
            # Last in the dictionary, so that the first entry is always the least recently used one.
            self._known[bento.signature] = parts
            while len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return parts


def _cancelled(attempt: Attempt) -> Problem:
    message = f"The export of {attempt.reference} was cancelled."
    return Problem(reason=Reason.UploadInterrupted, message=message)
