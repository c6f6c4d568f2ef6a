"""What was seen in the world, as values. No client inside; `None` means: looked, and it was not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from e2i.api.artifact import Artifact
from e2i.api.problem import Problem
from e2i.api.release_record import Record


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """An export under way; bytes. `total` is 0 before the first ones."""

    done: int
    total: int
    step: Literal["read", "uploaded"] = "uploaded"
    """All files are read once for the digest, then read again and uploaded."""


Export = Artifact | Exporting | Problem | None
"""State of the export of one tag; None: not asked for yet."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """What every object under the name of a child tells, be it ours or not."""

    namespace: str
    name: str
    uid: str
    owner: str | None
    """uid of its controlling owner."""
    model: str | None
    """Value of our model label."""
    created: datetime


class Build(Enum):
    """What the image builder says of a BentoRequest."""

    UNKNOWN = "nothing yet"
    RUNNING = "building"
    FAILED = "failed"
    DONE = "built"


@dataclass(frozen=True, kw_only=True)
class BentoRequest(Child):
    digest: str
    artifact: Artifact | None
    """What its annotations and spec say of the bento it was made for."""
    build: Build
    built_at: datetime | None
    message: str
    """The image builder's own words."""
    image: str = ""
    """The image that the builder made, empty until it tells of it."""


@dataclass(frozen=True, kw_only=True)
class BentoDeployment(Child):
    release: str | None
    template_version: str
    tag: str
    """Of its bento."""
    spec: Mapping[str, Any] = field(hash=False)
    refusal: str
    """yatai-deployment's error, empty when it has none."""
    refused_at: datetime | None = None
    attempted_at: datetime | None = None
    """When we last made Yatai try again."""
    asked_at: datetime | None = None
    """When its release was asked for, if that was not when it was created."""


@dataclass(frozen=True, kw_only=True)
class Deployment(Child):
    """What yatai-deployment made of a BentoDeployment; `owner` is that one's uid."""

    release: str | None
    generation: int
    observed_generation: int
    wanted: int
    existing: int
    updated: int
    ready: int
    failure: str
    """Message of the condition ReplicaFailure (quota, admission), empty when there is none."""
    failing_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Service(Child):
    selector: Mapping[str, str] = field(hash=False)
    switched_at: datetime | None
    serving: str | None = None
    """The release that the address belongs to, as we wrote it there."""


class VerificationState(Enum):
    """How far the verification of a release is; a Finding says what is wrong."""

    RUNNING = "being asked"
    PASSED = "passed"


@dataclass(frozen=True)
class Finding:
    """Why a release was not verified."""

    problem: Problem
    http: str
    """POST /predict -> 200: {...}; one line of at most 1024 characters, without secrets."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Everything one pass knows about one model."""

    export: Export = None
    requests: tuple[BentoRequest, ...] = ()
    deployments: tuple[BentoDeployment, ...] = ()
    workloads: tuple[Deployment, ...] = ()
    service: Service | None = None
    foreign: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of objects in the namespace that this model does not own."""
    leftovers: frozenset[tuple[str, str]] = frozenset()
    """The same for children of a deleted model of this name, which are about to go."""
    missing_kinds: frozenset[str] = frozenset()
    """Kinds of Yatai that the API server does not serve."""
    pod_problem: Problem | None = None
    """The first thing that keeps a pod of the release to be served, or of its build, from going on."""
    crashes: int = 0
    """How often containers of these pods ended and were started again, looked at while not all are ready."""
    verification: VerificationState | Finding | None = None
    """Of the desired release's present trial; None: not begun, or forgotten by a restart."""
    guard_running: bool = False
    """Whether the metrics of the desired release are read."""
    guard_problem: Problem | None = None
    records: tuple[Record, ...] | Problem | None = None
    """What the bucket remembers of the model; None: not read yet."""
    recorded_failures: frozenset[str] = frozenset()
    """Trials whose failure is known to stand in the ledger."""

    def request(self, name: str) -> BentoRequest | None:
        return next((request for request in self.requests if request.name == name), None)

    def deployment(self, release: str | None) -> BentoDeployment | None:
        """None of no release: one that lost all its labels runs none that we know of."""
        return next((child for child in self.deployments if release and child.release == release), None)

    def workload(self, deployment: BentoDeployment | None) -> Deployment | None:
        """The Deployment that belongs to this very BentoDeployment, not to a namesake before it.

        One that was edited in place is asked for by its release: until Yatai has followed, there is none.
        """
        if deployment is None:
            return None
        mine = (child for child in self.workloads if child.owner == deployment.uid)
        return next((child for child in mine if child.release == deployment.release), None)
