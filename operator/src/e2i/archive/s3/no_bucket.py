"""`NoBucket`: what stands in place of a bucket for an operator that has none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from e2i.archive.s3.bucket import STALE_AFTER, Bucket
from e2i.archive.s3.settings import NO_BUCKET
from e2i.archive.s3.upload import StoredObject


class NoBucket(Bucket):
    """Holds nothing: records that are put into it are gone. No archive may be put into it."""

    def __init__(self) -> None:
        self.name = NO_BUCKET

    def close(self) -> None:
        """Close nothing."""

    def head(self, key: str, *, confirm: bool = True) -> StoredObject | None:
        """Return None."""
        return None

    def get(self, key: str, most: int) -> bytes | None:
        """Return None."""
        return None

    def put_once(self, key: str, body: bytes) -> bool:
        """Drop the object."""
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Return nothing."""
        return iter(())

    def delete(self, key: str) -> None:
        """Delete nothing."""

    def abort_stale_uploads(self, prefix: str, older_than: timedelta = STALE_AFTER) -> int:
        """Return 0."""
        return 0

    def has_conditional_writes(self, prefix: str = "") -> bool:
        """Return True: nothing can be overwritten."""
        return True
