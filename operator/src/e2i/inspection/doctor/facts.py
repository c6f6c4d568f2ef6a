"""`Installation`: the facts about a cluster. `Finding`: how one part of it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

Object = Mapping[str, Any]
INSTALL = "docs/howto/install.md"


class State(Enum):
    """How one part is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """The result of one check of the installation, good or bad; `next_step` is empty if there is none."""

    part: str
    state: State
    message: str
    next_step: str = ""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """An operator that is installed, with the settings that can be read."""

    namespace: str
    name: str
    settings: Mapping[str, str]

    @property
    def place(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def lease_name(self) -> str:
        return self.settings.get("E2I_LEASE_NAME") or "e2i-operator"

    @property
    def lease(self) -> str:
        """Namespace and name of its Lease."""
        return f"{self.namespace}/{self.lease_name}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that it looks at; none for the whole cluster."""
        names = self.settings.get("E2I_NAMESPACES", "").split(",")
        return tuple(sorted({name.strip() for name in names if name.strip()}))

    @property
    def folder(self) -> str:
        """Where it writes in S3; empty if it has no bucket, or if that is not to be read."""
        bucket = self.settings.get("E2I_BUCKET", "")
        if bucket in ("", "-"):
            return ""
        prefix = self.settings.get("E2I_BUCKET_PREFIX", "").strip("/")
        server = self.settings.get("AWS_ENDPOINT_URL", "").rstrip("/")
        return "/".join(filter(None, (server or "s3:/", bucket, prefix)))


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The parts of an installation as they were seen. None stands for something that the user may not read."""

    version: str
    """As the API server says it: v1.36.3."""
    crds: Mapping[str, Object | None] | None
    """By name; None for one that is not there."""
    deployments: tuple[Object, ...] | None
    """All Deployments of the cluster."""
    operators: tuple[Operator, ...]
    """All operators; the first one is what the other facts are about."""
    secrets: Mapping[tuple[str, str], bool | None]
    """Whether a Secret is there, by namespace and name."""
    network: bool | None
    """Whether yatai-deployment's namespace has the ConfigMap `network`."""
    lease: Object | None
    """Empty if there is none."""
    health: Mapping[str, Any] | None
    """The operator's answer on /readyz, with its status code in `code`."""
    log: tuple[Mapping[str, Any], ...] | None
    """The last lines of the active operator."""
    account: bool | None
    """Whether the operator's service account is there."""
    refused: tuple[str, ...] | None
    """Rights that the operator's service account lacks."""
    not_asked: str = ""
    """Why the API server did not take the question for them, if it is for a reason that holds up writes too."""
    strays: tuple[str, ...] | None
    """Models in namespaces of no operator that none has looked at, as namespace/name."""
    policies: frozenset[str] | None
    """Names of all admission policies that are there and have a binding."""
    broken_bindings: tuple[str, ...]
    """A clause for each binding of e2i that names something that is not there."""
    metrics: bool | None
    """Whether metrics.k8s.io is served and available."""
    server_time: datetime
    own_time: datetime


def unreadable(part: str, kind: str) -> Finding:
    """Return the finding for a part that the user may not read."""
    return Finding(
        part, State.UNKNOWN, f"you may not read {kind}", "Ask an administrator to run this command."
    )
