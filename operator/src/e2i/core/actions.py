"""What the operator can do to the world, as data. Each is safe to repeat; `edge.act` performs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from e2i.core.observed import Artifact, Trouble


@dataclass(frozen=True)
class Export:
    """Bring the bento of this tag into the bucket."""

    tag: str


@dataclass(frozen=True)
class ApplyRequest:
    """Ask Yatai for an image of the artifact."""

    artifact: Artifact


@dataclass(frozen=True)
class ApplyDeployment:
    """Have Yatai run the release, in the form that it was first made in."""

    artifact: Artifact
    release: str
    form: str
    attempt: datetime | None = None
    """Set to make Yatai look again at one that it failed with, and would leave so for ever."""


@dataclass(frozen=True)
class ApplyService:
    """Point the model's address at the pods of the release."""

    release: str


@dataclass(frozen=True)
class DeleteDeployment:
    """Remove a release that has no traffic; refused by `act` if the Service selects it after all."""

    name: str
    uid: str
    release: str | None


@dataclass(frozen=True)
class DeleteRequest:
    """Forget an image that no kept release needs."""

    name: str
    uid: str


Action = Export | ApplyRequest | ApplyDeployment | ApplyService | DeleteDeployment | DeleteRequest


@dataclass(frozen=True)
class Result:
    """What became of one action; `trouble` is None when it was done."""

    action: Action
    trouble: Trouble | None = None
