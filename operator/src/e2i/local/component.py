"""One component of a local cluster, and the programs that components are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from e2i.local.readiness import Endpoint


@dataclass(frozen=True)
class Tools:
    """The programs that were built for this machine."""

    controlplane: Path
    versitygw: Path
    metricsserver: Path


@dataclass(frozen=True)
class Component:
    """One long-running process."""

    name: str
    argv: tuple[str, ...]
    ports: tuple[int, ...] = ()
    ready: Endpoint | None = None
    """None: ready as soon as it runs."""
    environment: dict[str, str] = field(default_factory=dict)
