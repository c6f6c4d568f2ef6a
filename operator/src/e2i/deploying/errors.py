"""Errors of a deployment; each message names the value and the next step.

DeploymentError
├─ InvalidRequest       every mistake of the request, with its place and value; nothing was done
├─ ModelNotFound        neither registry, store nor folder has it; nothing was done
├─ PackagingRefused     it is there, and cannot become a bento as it is
├─ PushFailed           the environment's bucket did not take the bento
├─ ClusterUnreachable   no kubeconfig, no such context, or nobody answers
├─ Forbidden            the cluster does not let this user do it
├─ ClusterRefused       the API server takes no such E2IModel: not installed, invalid, busy
├─ ManagedElsewhere     the E2IModel is kept as Git has it; deploy by a commit
├─ ReleaseFailed        the cluster has it, and the operator gave it up
└─ DeadlineExceeded     it was not over in time; what was applied goes on
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from e2i.kube import ApiError
from e2i.kube.explain import explain


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a request; `place` is a path such as resources.cpu."""

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
        """The same as a value for JSON."""
        return {"error": type(self).__name__, "reason": self.reason, "message": self.message}


class InvalidRequest(DeploymentError):
    """The request has a wrong value, or names something that does not exist."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)

    def document(self) -> dict[str, Any]:
        return {**super().document(), "mistakes": [asdict(mistake) for mistake in self.mistakes]}


class ModelNotFound(DeploymentError):
    """There is no such model."""


class PackagingRefused(DeploymentError):
    """The model cannot be packaged; `reason` is packaging's own word."""


class PushFailed(DeploymentError):
    """The bento did not get into the bucket; `reason` is the export's own word."""


class ClusterUnreachable(DeploymentError):
    """The environment's cluster cannot be talked to."""


class Forbidden(DeploymentError):
    """The cluster does not accept the credentials, or does not allow the action."""


class ClusterRefused(DeploymentError):
    """The API server refused; `reason` is the reason that it gave."""


class ManagedElsewhere(DeploymentError):
    """A GitOps tool would undo the change."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The operator's report on a release that it gave up."""

    reason: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What the failed release left behind: pod, log, answer; as in status.failedReleases[].evidence."""
    still_serving: Running | None = None
    """Who answers at the model's address all the same; None: nobody."""


class ReleaseFailed(DeploymentError):
    """The operator gave the release up, or cannot go on without a person."""

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
