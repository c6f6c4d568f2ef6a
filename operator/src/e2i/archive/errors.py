"""Errors of an export, from the bento in the store to its archive in the bucket.

ExportError
├─ BentoNotFound, BentoUnreadable, ModelMissing, NoDeclaredModel    the bento in the store
├─ UnsafeFile        a file that must not leave this machine
├─ BentoTooLarge     more bytes than the operator or the namespace may bring
├─ BentoChanged      a file changed while it was read
├─ BucketUnreachable, BucketNotFound, BucketAccessDenied, BucketRefused     the bucket
├─ UploadInterrupted, ArchiveCorrupted                              this one transfer
└─ ArchiveConflict   the key has another object

`reason` is a stable word for programs; `message` is one or two sentences that name the value and the next step.
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
    """The bento exists but cannot be used: it is incomplete, damaged or of an unknown form."""


class ModelMissing(ExportError):
    """The bento refers to a model that is missing or incomplete in the store."""


class NoDeclaredModel(ExportError):
    """The bento declares no model, so a model that its code loads would not be in the archive."""


class UnsafeFile(ExportError):
    """A file is not a plain file of this bento."""


class BentoTooLarge(ExportError):
    """The bento, or its archive, has more bytes than the limit."""


class BentoChanged(ExportError):
    """A file or folder of the bento changed while it was listed or read."""

    is_temporary = True


class BucketUnreachable(ExportError):
    """The S3 server cannot be reached, does not answer in time, or answers with a status 5xx."""

    is_temporary = True


class BucketNotFound(ExportError):
    """The S3 server answers that the bucket does not exist."""


class BucketAccessDenied(ExportError):
    """The credentials are missing, unknown, wrong or expired, or a policy refuses access."""

    def __init__(self, message: str, right: str = "") -> None:
        """`right` is what the credentials lack, if that is known: s3:ListBucket"""
        super().__init__(message)
        self.right = right


class BucketRefused(ExportError):
    """The S3 server refuses a request for a cause that has no class of its own."""

    is_temporary = True


class UploadInterrupted(ExportError):
    """The transfer started but did not finish."""

    is_temporary = True


class ArchiveCorrupted(ExportError):
    """The server received or stored bytes that do not match the digest; the next export reads the bento again."""

    is_temporary = True


class ArchiveConflict(ExportError):
    """The archive's key has an object with another digest or size."""


class ExportCancelled(Exception):
    """The export was cancelled; nothing is left in the bucket."""
