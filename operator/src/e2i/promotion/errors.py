"""The error of a promotion: a reason for machines and a sentence for people."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a release is not promoted; stable, for scripts."""

    NotSynced = "NotSynced"
    """The folder asks for something else than the cluster."""
    NotServing = "NotServing"
    """The release that the folder asks for does not serve, or not with all requests."""
    ReleaseFailed = "ReleaseFailed"
    """It failed after it took the requests."""
    ServedTooShort = "ServedTooShort"
    """It has not served for as long as was asked."""
    FolderUnusable = "FolderUnusable"
    """The model's manifest is not in a folder, or cannot be changed there."""


class PromotionRefused(Exception):
    """Nothing was changed; `message` names the value and the next step."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
