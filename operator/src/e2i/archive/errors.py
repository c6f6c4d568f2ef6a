"""What can go wrong between a bento in the store and its archive in the bucket.

ExportFailure
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


class ExportFailure(Exception):
    """The archive is not in the bucket. `passing`: the same attempt may succeed later with nobody's help."""

    passing: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def reason(self) -> str:
        return type(self).__name__


class BentoNotFound(ExportFailure):
    """The store has no bento of exactly this tag."""


class BentoUnreadable(ExportFailure):
    """The bento is there and cannot be used: half copied, of another form, damaged."""


class ModelMissing(ExportFailure):
    """The bento refers to a model that the store has not, or has only in part."""


class NoDeclaredModel(ExportFailure):
    """The bento declares no model, so whatever its code loads would not be in the archive."""


class UnsafeFile(ExportFailure):
    """A file is not plain content of this bento, or the bento is larger than the limit."""


class BentoChanged(ExportFailure):
    """The tree changed between two looks at it."""

    passing = True


class BucketUnreachable(ExportFailure):
    """No connection, no answer in time, or an answer of kind 5xx."""

    passing = True


class BucketNotFound(ExportFailure):
    """The S3 server answers and knows no such bucket."""


class BucketAccessDenied(ExportFailure):
    """Missing, unknown, wrong or expired credentials, or a policy that refuses."""


class UploadInterrupted(ExportFailure):
    """The transfer began and was not finished."""

    passing = True


class ArchiveCorrupted(ExportFailure):
    """What the server received or stored is not what the digest says; the bento is read anew."""

    passing = True


class ArchiveConflict(ExportFailure):
    """The archive's key holds an object of another digest or size."""


class ExportCancelled(Exception):
    """Somebody asked to stop; nothing is left in the bucket."""
