"""`Model`: an E2IModel parsed into values. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from e2i.api.artifact import IMAGE_SCHEME
from e2i.api.drift_bounds import DriftBounds
from e2i.api.restored import Restored

_SECRET_NAME = re.compile(r"token|secret|passw|credential|api_?key|access_?key|private", re.IGNORECASE)

RETRY_ANNOTATION = "serving.e2i.dev/retry-at"
PROMOTE_ANNOTATION = "serving.e2i.dev/promote-at"
RESTART_ANNOTATION = "serving.e2i.dev/restart-at"
"""On a model: another value makes another release. On a BentoDeployment: the value that its release was made for."""
PAUSED_ANNOTATION = "serving.e2i.dev/paused"
LONGEST_PROMOTION = 256
"""Bytes of the annotation promote-at that are read; status.rollout has room for no more."""
LONGEST_RESTART = 64
"""Bytes of the annotation restart-at that are read: the status remembers it."""
FINALIZER = "serving.e2i.dev/bucket"
"""The finalizer of a model with deletionPolicy Delete: it holds the deletion until the bucket is cleaned up."""


class Strategy(Enum):
    """How requests move to a new release."""

    BLUE_GREEN = "BlueGreen"
    CANARY = "Canary"
    IN_PLACE = "InPlace"


class Rollback(Enum):
    """How the operator reacts to a release that fails."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"
    DISABLED = "Disabled"


@dataclass(frozen=True)
class SetWeight:
    """A step of a canary that gives it a share of the requests, in percent."""

    percent: int


@dataclass(frozen=True)
class Pause:
    """A step of a canary that waits for some seconds; None: until somebody promotes it."""

    seconds: int | None


Step = SetWeight | Pause


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Smallest and largest number of pods, and the metrics of the HorizontalPodAutoscaler that Yatai creates.

    Both are 0 for a parked model. No autoscaler has such bounds: its Deployment is scaled to zero instead.
    """

    minimum: int
    maximum: int
    metrics: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The part of the spec, besides the bento, that decides how the pods look.

    `requests` and `limits` are (resource, amount) pairs sorted by resource, with the amounts as written.
    `env` keeps its order, because `$(NAME)` refers to earlier variables.
    """

    type: str
    requests: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    pod: str = ""
    """Other fields of the pods, as `pod_fields.encode` returns them."""
    restart: str = ""
    """Value of the annotation restart-at: another value means new pods, with what their Secrets hold then."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values of variables whose names look like secrets. No message may show them."""
        return tuple(value for name, value in self.env if _SECRET_NAME.search(name) and len(value) > 3)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """spec.rollout. Times are in seconds, `history` is a number of releases."""

    strategy: Strategy = Strategy.BLUE_GREEN
    steps: tuple[Step, ...] = ()
    rollback: Rollback = Rollback.AUTOMATIC
    progress_deadline: int = 600
    scale_down_delay: int = 30
    history: int = 5
    checks: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """`verify` and `contract` as written; `core.verification.checks` parses them."""
    watch: Mapping[str, Any] | None = field(default=None, hash=False)
    """`watch` as written; `core.guard.limits` parses it."""

    @cached_property
    def checks_digest(self) -> str:
        """Hex digits over the checks as they are written."""
        return hashlib.sha256(json.dumps(self.checks, sort_keys=True).encode()).hexdigest()

    @property
    def guard_seconds(self) -> int:
        """Seconds after the switch during which the release is judged and its predecessor is kept."""
        return max(self.scale_down_delay, self.watch["seconds"] if self.watch else 0)


@dataclass(frozen=True, kw_only=True)
class Model:
    """One E2IModel: the spec, and the status that was written last."""

    namespace: str
    name: str
    uid: str
    generation: int
    tag: str
    archive: str = ""
    """Digest of an archive that the user uploaded; empty if the bento comes from the store."""
    image: str = ""
    """Image of a bento that was built elsewhere; empty if the operator exports it."""
    path_prefix: str = ""
    """Path under which the service of this image answers; bento.yaml says it of a bento that is exported."""
    service: str = ""
    """Entry service of this image; bento.yaml says it likewise."""
    shape: Shape
    autoscaling: Autoscaling
    rollout: Rollout = Rollout()
    drift: DriftBounds = field(default_factory=DriftBounds)
    suspended: bool = False
    deleting: bool = False
    delete_bucket: bool = False
    """deletionPolicy: Delete."""
    finalized: bool = False
    """The model has the operator's finalizer."""
    paused: bool = False
    retry_at: str = ""
    """Value of the annotation; another value makes another trial."""
    promote_at: str = ""
    restored: Restored | None = None
    """What is known from before, if it was created by `kubectl e2i restore`."""
    status: Mapping[str, Any]
    invalid: str = ""
    """What is wrong with a spec that cannot be read. Such a model is held as it is, like a suspended one."""

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def is_parked(self) -> bool:
        """Whether the spec asks for no pods: the release, its image and the address stay."""
        return self.autoscaling.maximum == 0

    @property
    def reference(self) -> str:
        """The bento that is asked for: name:version in the store, or name:version@sha256:... in the bucket.

        name:version@docker://... is an image whose digest has to be found.
        """
        source = f"{IMAGE_SCHEME}{self.image}" if self.image else self.archive
        return f"{self.tag}@{source}" if source else self.tag
