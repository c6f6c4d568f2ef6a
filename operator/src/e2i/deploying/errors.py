"""Errors of a deployment; each message names the value and the next step.

DeploymentError
├─ InvalidRequest       the request is wrong: every mistake with its place and value; nothing was done
├─ ModelNotFound        the model is not in registry, store or folder; nothing was done
├─ PackagingRefused     the model exists but cannot be packaged as a bento
├─ PushFailed           the bento could not be uploaded to the bucket of the environment
├─ ClusterUnreachable   no kubeconfig, no such context, or no answer
├─ Forbidden            wrong credentials or missing rights
├─ ClusterRefused       the API server refused the E2IModel: not installed, invalid, busy, deleted
├─ ManagedElsewhere     a GitOps tool manages the E2IModel; deploy by a commit
├─ ReleaseFailed        the operator could not release it
└─ DeadlineExceeded     the timeout passed; the operator continues with an applied E2IModel
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from e2i.kube import ApiError
from e2i.kube.explain import explain


@dataclass(frozen=True)
class Mistake:
    """One mistake in a request. `place` is a path such as resources.cpu."""

    place: str
    value: Any
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.value!r}: {self.message}"


@dataclass(frozen=True)
class Running:
    """A release that has the model's address."""

    release: str
    bento: str


class DeploymentError(Exception):
    """The model was not deployed; `message` is for people, `reason` for machines."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).__name__

    def document(self) -> dict[str, Any]:
        """Return the error as a value for JSON."""
        return {"error": type(self).__name__, "reason": self.reason, "message": self.message}


class InvalidRequest(DeploymentError):
    """The request has a wrong value, or names something that does not exist."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)

    def document(self) -> dict[str, Any]:
        return {**super().document(), "mistakes": [asdict(mistake) for mistake in self.mistakes]}


class ModelNotFound(DeploymentError):
    """The model does not exist."""


class PackagingRefused(DeploymentError):
    """The model cannot be packaged; `reason` is the ErrorReason of packaging."""


class PushFailed(DeploymentError):
    """The bento could not be uploaded to the bucket; `reason` is the reason of the export."""


class ClusterUnreachable(DeploymentError):
    """The cluster of the environment cannot be reached."""


class Forbidden(DeploymentError):
    """The API server does not accept the credentials or does not allow the action."""


class ClusterRefused(DeploymentError):
    """The API server refused the request; `reason` is its reason."""


class ManagedElsewhere(DeploymentError):
    """A GitOps tool would undo the change."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a release failed, from the status of the E2IModel."""

    reason: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Pod, log, answer and so on, as in status.failedReleases[].evidence."""
    still_serving: Running | None = None
    """The release that still answers at the model's address, or None."""


class ReleaseFailed(DeploymentError):
    """The release failed, or the operator cannot continue without a person."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message, verdict.reason)
        self.evidence = verdict.evidence
        self.still_serving = verdict.still_serving

    def document(self) -> dict[str, Any]:
        serving = asdict(self.still_serving) if self.still_serving else None
        return {**super().document(), "evidence": dict(self.evidence), "still_serving": serving}


class DeadlineExceeded(DeploymentError):
    """The timeout passed; `reason` is the phase at that time."""


def from_api(error: ApiError) -> DeploymentError:
    """Return the DeploymentError of an ApiError."""
    words = explain(error.status, error.reason, error.message)
    match error.status:
        case 0:
            return ClusterUnreachable(words)
        case 401 | 403:
            return Forbidden(words)
        case _:
            return ClusterRefused(words, error.reason)
