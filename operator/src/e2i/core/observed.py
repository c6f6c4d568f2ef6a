"""What was seen in the world, as values. No client inside; `None` means: looked, and it was not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from e2i.core.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why something could not be done, with the words that condition, event and log line share.

    `stalled`: waiting alone will not help, a person has to change something.
    """

    reason: Reason
    message: str
    stalled: bool = False


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A bento that lies exported in the bucket."""

    tag: str
    digest: str
    """sha256:<64 hex> over the sorted tree."""
    uri: str
    size: int
    """Bytes of the archive."""
    service: str = ""
    """Name of the entry service, for Yatai's records."""
    bentoml_version: str = ""


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """An export under way; bytes."""

    done: int
    total: int


Export = Artifact | Exporting | Trouble | None
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


@dataclass(frozen=True, kw_only=True)
class BentoDeployment(Child):
    release: str | None
    form: str
    spec: Mapping[str, Any] = field(hash=False)
    refusal: str
    """yatai-deployment's error, empty when it has none."""
    refused_at: datetime | None = None
    attempted_at: datetime | None = None
    """When we last made Yatai try again."""


@dataclass(frozen=True, kw_only=True)
class Deployment(Child):
    """What yatai-deployment made of a BentoDeployment; `owner` is that one's uid."""

    generation: int
    observed_generation: int
    wanted: int
    existing: int
    updated: int
    ready: int
    failure: str
    """Message of the condition ReplicaFailure (quota, admission), empty when there is none."""


@dataclass(frozen=True, kw_only=True)
class Service(Child):
    selector: Mapping[str, str] = field(hash=False)
    switched_at: datetime | None


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
    pod_trouble: Trouble | None = None
    """The first thing that keeps a pod of the desired release, or of its build, from going on."""

    def request(self, name: str) -> BentoRequest | None:
        return next((request for request in self.requests if request.name == name), None)

    def deployment(self, release: str | None) -> BentoDeployment | None:
        return next((child for child in self.deployments if child.release == release), None)

    def workload(self, deployment: BentoDeployment | None) -> Deployment | None:
        """The Deployment that belongs to this very BentoDeployment, not to a namesake before it."""
        if deployment is None:
            return None
        return next((child for child in self.workloads if child.owner == deployment.uid), None)
