"""What the operator can do to the world, as data. Each is safe to repeat; `edge.execute` performs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from e2i.api.artifact import Artifact
from e2i.api.model import Autoscaling
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.controller.core.render.manifests import DeploymentSpec


@dataclass(frozen=True)
class Export:
    """Bring the bento into the bucket, or find it there: name:version, or name:version@sha256:..."""

    reference: str


@dataclass(frozen=True)
class ReadReleaseStore:
    """Ask the bucket what it remembers of the model."""


@dataclass(frozen=True)
class ApplyRequest:
    """Ask Yatai for an image of the artifact."""

    artifact: Artifact


@dataclass(frozen=True)
class ApplyDeployment:
    """Have Yatai run a release."""

    spec: DeploymentSpec


@dataclass(frozen=True)
class Resize:
    """Change the number of a release's pods, and nothing else of it."""

    name: str
    size: Autoscaling


@dataclass(frozen=True)
class Verify:
    """Ask the release its golden predictions, at its own address."""

    name: str
    trial: str


@dataclass(frozen=True)
class StartGuard:
    """Read the release's metrics until then."""

    release: str
    trial: str
    until: datetime


@dataclass(frozen=True)
class WriteRecord:
    """Write into the bucket what became of a release."""

    record: Record


@dataclass(frozen=True)
class ApplyService:
    """Point the model's address at pods: it belongs to `release` from now on, or since `switched_at`."""

    release: str
    selector: Mapping[str, str] = field(hash=False)
    switched_at: datetime | None = None


@dataclass(frozen=True)
class DeleteDeployment:
    """Remove a release that has no traffic; refused by `act` if the Service selects it after all."""

    name: str
    uid: str
    release: str | None


@dataclass(frozen=True)
class DeleteArchive:
    """Remove an archive that no kept release needs; left alone if anybody else's does."""

    uri: str
    digest: str


@dataclass(frozen=True)
class DeleteRequest:
    """Forget an image that no kept release needs."""

    name: str
    uid: str


@dataclass(frozen=True)
class SetFinalizer:
    """Hold the model's deletion until its part of the bucket is removed, or let it go."""

    wanted: bool


@dataclass(frozen=True)
class EmptyBucket:
    """Remove the model's records, and its archives that nobody else needs."""

    archives: tuple[tuple[str, str], ...]
    """(uri, digest)"""


Action = (
    Export
    | ReadReleaseStore
    | ApplyRequest
    | ApplyDeployment
    | Resize
    | Verify
    | StartGuard
    | WriteRecord
    | ApplyService
    | DeleteDeployment
    | DeleteArchive
    | DeleteRequest
    | SetFinalizer
    | EmptyBucket
)


@dataclass(frozen=True)
class Result:
    """What became of one action; `problem` is None when it was done."""

    action: Action
    problem: Problem | None = None
