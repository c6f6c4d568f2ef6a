"""Errors of an export, from the bento in the store to its archive in the bucket.

ExportError
├─ BentoNotFound, BentoUnreadable, ModelMissing, NoDeclaredModel    what is in the store
├─ UnsafeFile        something in the tree that must not leave this machine, or more than the limit
├─ BentoChanged      the tree changed while it was read
├─ BucketUnreachable, BucketNotFound, BucketAccessDenied            the bucket as a whole
├─ UploadInterrupted, ArchiveCorrupted                              this one transfer
└─ ArchiveConflict   the key holds something else

`reason` is stable and for machines; `message` is one or two sentences that name the value and the next step.
"""

from __future__ import annotations

from typing import ClassVar


class ExportError(Exception):
    """The archive is not in the bucket. `is_temporary`: the same export may succeed later without a change."""

    is_temporary: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def reason(self) -> str:
        return type(self).__name__


class BentoNotFound(ExportError):
    """The store has no bento of exactly this tag."""


class BentoUnreadable(ExportError):
    """The bento exists and cannot be used: it is incomplete, damaged or of an unknown form."""


class ModelMissing(ExportError):
    """The bento refers to a model that the store does not have, or has in part."""


class NoDeclaredModel(ExportError):
    """The bento declares no model, so whatever its code loads would not be in the archive."""


class UnsafeFile(ExportError):
    """A file is not plain content of this bento, or the bento is larger than the limit."""


class BentoChanged(ExportError):
    """The tree changed between two looks at it."""

    is_temporary = True


class BucketUnreachable(ExportError):
    """No connection, no answer in time, or an answer of kind 5xx."""

    is_temporary = True


class BucketNotFound(ExportError):
    """The S3 server answers and knows no such bucket."""


class BucketAccessDenied(ExportError):
    """Missing, unknown, wrong or expired credentials, or a policy that refuses."""


class UploadInterrupted(ExportError):
    """The transfer began and was not finished."""

    is_temporary = True


class ArchiveCorrupted(ExportError):
    """What the server received or stored is not what the digest says; the bento is read again."""

    is_temporary = True


class ArchiveConflict(ExportError):
    """The archive's key holds an object of another digest or size."""


class ExportCancelled(Exception):
    """Somebody asked to stop; nothing is left in the bucket."""
