"""The error of packaging: a reason for machines and a sentence for people.

Reasons are stable: scripts and the pipeline branch on them. docs/reference/e2i-package.md lists them all.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorReason(StrEnum):
    """The kind of an error; the message names the value."""

    # What was given.
    NameUnsafe = "NameUnsafe"
    VersionUnsafe = "VersionUnsafe"
    VersionReused = "VersionReused"
    FileMissing = "FileMissing"
    FileUnreadable = "FileUnreadable"
    ModelDamaged = "ModelDamaged"
    ModelUnsupported = "ModelUnsupported"
    CardUnreadable = "CardUnreadable"
    # The data against the model.
    ColumnMissing = "ColumnMissing"
    TargetAmongFeatures = "TargetAmongFeatures"
    ColumnUnusable = "ColumnUnusable"
    DeclarationContradicted = "DeclarationContradicted"
    DataEmpty = "DataEmpty"
    SingleLabel = "SingleLabel"
    SingleTreatment = "SingleTreatment"
    LabelsDiffer = "LabelsDiffer"
    # What the model does.
    RoutineMissing = "RoutineMissing"
    NoFormFits = "NoFormFits"
    RowUnanswered = "RowUnanswered"
    AnswerMalformed = "AnswerMalformed"
    NotRepeatable = "NotRepeatable"
    OutputNotFinite = "OutputNotFinite"
    PreprocessingDiffers = "PreprocessingDiffers"
    WorseThanGuessing = "WorseThanGuessing"
    # What it needs.
    DependencyNotPinned = "DependencyNotPinned"
    PinnedDifferently = "PinnedDifferently"
    PackageMissing = "PackageMissing"
    ModelNeedsMain = "ModelNeedsMain"
    CodeMissing = "CodeMissing"
    CodeConflict = "CodeConflict"
    LockFailed = "LockFailed"
    # The service.
    ModelNotDeclared = "ModelNotDeclared"
    ModelNotGiven = "ModelNotGiven"
    ServiceUnusable = "ServiceUnusable"
    BuildFailed = "BuildFailed"
    ServingFailed = "ServingFailed"
    AnswerDiffers = "AnswerDiffers"
    # The manifest.
    BentoUnusable = "BentoUnusable"
    ManifestUnusable = "ManifestUnusable"


class PackagingError(Exception):
    """Something cannot be described, packaged or released, and nothing was changed. `message` names the value and the
    next
    step."""

    def __init__(self, reason: ErrorReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
