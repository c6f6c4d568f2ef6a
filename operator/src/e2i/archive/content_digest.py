"""Compute the content digest of a bento in a store: the key of its archive in the bucket."""

from __future__ import annotations

import hashlib
import threading

from e2i.api.digest import archive_digest
from e2i.archive.bento_store import FoundBento
from e2i.archive.canonical_tar import ArchiveStream, archive_size
from e2i.archive.chunked_transfer import Progress, Transfer


def part_digests(
    bento: FoundBento, cancel: threading.Event, progress: Progress = lambda *_: None
) -> tuple[bytes, ...]:
    """Read every file and return the sha256 of each part of the bento's archive; ExportCancelled if `cancel` is set."""
    with ArchiveStream(bento.pieces) as stream:
        return tuple(Transfer(_sha256, cancel, progress).run(stream, archive_size(bento.pieces)))


def content_digest(bento: FoundBento) -> str:
    """Return the digest (sha256:<64 hex>) of the bento with its models; it is the same in every store."""
    return archive_digest(part_digests(bento, threading.Event()))


def _sha256(_: int, body: bytearray) -> bytes:
    return hashlib.sha256(body).digest()
