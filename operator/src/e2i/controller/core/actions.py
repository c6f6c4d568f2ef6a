"""The actions of a plan, as data. Each is safe to repeat; `edge.execute` performs them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.model import Autoscaling
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.controller.core.render.manifests import DeploymentSpec


@dataclass(frozen=True)
class Export:
    """Upload the bento to the bucket, or find it there: name:version, or name:version@sha256:..."""

    reference: str


@dataclass(frozen=True)
class ReadReleaseStore:
    """Read the model's records from the bucket. `export`: a bento to export at the same time."""

    export: str = ""


@dataclass(frozen=True)
class ApplyRequest:
    """Create the BentoRequest that makes Yatai build an image of the artifact; of an image that is there, its Bento."""

    artifact: Artifact


@dataclass(frozen=True)
class ApplyDeployment:
    """Create or update the BentoDeployment of a release."""

    spec: DeploymentSpec


@dataclass(frozen=True)
class Resize:
    """Change the number of a release's pods and nothing else."""

    name: str
    size: Autoscaling


@dataclass(frozen=True)
class PatchWorkload:
    """Write fields of its pods into a Deployment of Yatai, where the cluster has no policy e2i-pods."""

    name: str
    uid: str
    asked: Mapping[str, str] = field(hash=False)
    """The annotations of its pods."""
    is_runner: bool = False


@dataclass(frozen=True)
class ScaleWorkload:
    """Scale a Deployment to zero, or up. Its autoscaler rests at zero, and Yatai leaves the number to it."""

    name: str
    uid: str
    pods: int


@dataclass(frozen=True)
class RestoreImage:
    """Write the image that was built into the Bento that the image builder made of it."""

    name: str
    image: str

    @property
    def problem(self) -> Problem:
        """The problem to report: somebody changed the Bento."""
        return Problem(
            reason=Reason.ImageChanged,
            message=f"somebody changed the image in Bento {self.name}. It names {self.image} again, and pods with the "
            "other image are replaced",
        )


@dataclass(frozen=True)
class Adopt:
    """Make the model the owner of an object that the operator made for an earlier model of its name."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class Verify:
    """Start the verification: send the golden predictions to the release at its own address."""

    name: str
    trial: str
    owner: str
    """The uid of its BentoDeployment, which owns the Service that is asked."""


@dataclass(frozen=True)
class StartGuard:
    """Start the guard: judge the release by its metrics until `until`."""

    release: str
    trial: str
    until: datetime
    service: str = ""
    """The entry service of its bento, whose requests are those of callers."""
    path_prefix: str = ""
    """The path under which it has its metrics."""


@dataclass(frozen=True)
class WriteRecord:
    """Write the result of a trial to the release store."""

    record: Record


@dataclass(frozen=True)
class ApplyService:
    """Write the model's Service: `release` has the address from now on, or since `switched_at`."""

    release: str
    selector: Mapping[str, str] = field(hash=False)
    switched_at: datetime | None = None


@dataclass(frozen=True)
class ApplyBudget:
    """Write the model's PodDisruptionBudget, for the pods that `selector` selects."""

    selector: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True)
class DeleteBudget:
    """Delete the model's PodDisruptionBudget."""

    name: str
    uid: str


@dataclass(frozen=True)
class DeleteDeployment:
    """Delete a release without requests. `edge.execute` refuses if the Service still selects it."""

    name: str
    uid: str
    release: str | None


@dataclass(frozen=True)
class DeleteArchive:
    """Delete an archive that no kept release needs. It stays if another model needs it."""

    uri: str
    digest: str


@dataclass(frozen=True)
class DeleteRequest:
    """Delete the BentoRequest or Bento of an image that no kept release needs."""

    name: str
    uid: str
    kind: str = "BentoRequest"


@dataclass(frozen=True)
class SetFinalizer:
    """Add the finalizer, which holds the model's deletion until the bucket is cleaned up, or remove it."""

    wanted: bool


@dataclass(frozen=True)
class EmptyBucket:
    """Delete the model's records, and its archives that no other model needs."""

    archives: tuple[tuple[str, str], ...]
    """(uri, digest)"""


Action = (
    Export
    | ReadReleaseStore
    | ApplyRequest
    | ApplyDeployment
    | Resize
    | Adopt
    | PatchWorkload
    | ScaleWorkload
    | RestoreImage
    | Verify
    | StartGuard
    | WriteRecord
    | ApplyService
    | ApplyBudget
    | DeleteBudget
    | DeleteDeployment
    | DeleteArchive
    | DeleteRequest
    | SetFinalizer
    | EmptyBucket
)


def writes(action: Action) -> bool:
    """Return whether the action changes something that another operator of the model would change, too."""
    return not isinstance(action, Export | ReadReleaseStore)


class Pending(Enum):
    """An action that goes on in the background. The model is woken at its end, and then the action is repeated."""

    PENDING = "under way"


PENDING = Pending.PENDING


@dataclass(frozen=True)
class Result:
    """Result of one action."""

    action: Action
    problem: Problem | None = None
    pending: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it is done: it neither failed nor goes on in the background."""
        return self.problem is None and not self.pending
