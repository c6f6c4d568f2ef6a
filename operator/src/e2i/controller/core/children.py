"""The objects of one model in the cluster, as values: what the operator reads of each. Pure.

A deployment is a BentoDeployment, which the operator writes; a workload is the Deployment that Yatai makes for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from e2i.api.artifact import Artifact


@dataclass(frozen=True, kw_only=True)
class Child:
    """The metadata of an object that has the name of a child, whoever owns it."""

    namespace: str
    name: str
    uid: str
    owner: str | None
    """uid of its controlling owner."""
    model: str | None
    """Name of the model that it belongs to, by its owner or by the operator's label."""
    created: datetime
    """By the clock of the API server, for people."""
    first_seen: datetime
    """When this operator first saw it. Durations count from here, see `core.sightings`."""
    labelled: bool = True
    """Whether it has the operator's labels."""
    owner_name: str = ""
    """Kind and name of its controlling owner: Deployment web"""
    finalizers: tuple[str, ...] = ()
    """What its removal waits for, if it is being removed."""


@dataclass(frozen=True, kw_only=True)
class Malformed(Child):
    """A child with a field that cannot be read: somebody changed it, or its schema."""

    kind: str
    problem: str
    """The field and what is wrong with it: spec.selector is a list, not an object."""


class Build(Enum):
    """State of the image of a BentoRequest, by the image builder's conditions."""

    UNKNOWN = "nothing yet"
    RUNNING = "building"
    FAILED = "failed"
    DONE = "built"


@dataclass(frozen=True, kw_only=True)
class BentoRequest(Child):
    digest: str
    artifact: Artifact | None
    """The bento it was created for, by its annotations and spec."""
    build: Build
    built_at: datetime | None
    """When this operator first saw its image, see `core.sightings`."""
    message: str
    """The image builder's own message."""
    answered: bool = True
    """The image builder has written a condition."""
    error: str = ""
    """What keeps the image builder from building; it tries again. Empty if there is nothing."""
    error_since: datetime | None = None
    """Since when this operator has seen the error."""
    is_altered: bool = False
    """Its downloadUrl is not the address of the archive with its tag and digest: the operator did not write it so."""
    image: str = ""
    """Name of the built image; empty until the builder reports it."""


@dataclass(frozen=True, kw_only=True)
class BentoDeployment(Child):
    release: str | None
    template_version: str
    tag: str
    """Tag of the bento it runs."""
    spec: Mapping[str, Any] = field(hash=False)
    refusal: str
    """yatai-deployment's error; empty if there is none."""
    misses_bento: bool = False
    """yatai-deployment does not find the bento of what it deployed, and changes nothing until it is back."""
    answered: bool = True
    """yatai-deployment has written a condition."""
    refused_at: datetime | None = None
    """Since when this operator has seen the refusal."""
    attempted_at: datetime | None = None
    """When the operator last made Yatai try again."""
    asked_at: datetime | None = None
    """When its release was requested, if that is not when it was created."""
    restart: str = ""
    """The restart that its release was made for."""
    patched: bool = False
    """The operator writes fields of its pods into its Deployment: the cluster had no policy e2i-pods."""
    earlier_env: tuple[tuple[str, str], ...] = ()
    """The environment of the release before, if it was edited in place."""


@dataclass(frozen=True, kw_only=True)
class Workload(Child):
    """The Deployment that yatai-deployment created for a BentoDeployment; `owner` is the uid of the latter."""

    release: str | None
    generation: int
    observed_generation: int
    wanted: int
    existing: int
    updated: int
    ready: int
    image: str = ""
    """Image of the model's container; empty if it has none."""
    replica_failure: str
    """Message of the condition ReplicaFailure (quota, admission); empty if there is none."""
    is_bare: bool = False
    """Its template lacks the fields that its pods ask for. With the policy e2i-pods that is always so."""
    lacks_fields: tuple[bool, bool] = (False, False)
    """Whether its template lacks fields that its annotations ask for: as that of a server, and as that of a runner."""
    failing_since: datetime | None = None
    """Since when this operator has seen it."""


@dataclass(frozen=True, kw_only=True)
class Service(Child):
    selector: Mapping[str, str] = field(hash=False)
    as_rendered: bool
    """Whether this version of the operator would write it so, for the same release and selector."""
    switched_at: datetime | None
    switch_seen: datetime | None = None
    """When this operator first saw this `switched_at`."""
    serving: str | None = None
    """The release that has the address, from the operator's annotation."""
    by_yatai: bool = False
    """Yatai has written it for a BentoDeployment of its name."""
