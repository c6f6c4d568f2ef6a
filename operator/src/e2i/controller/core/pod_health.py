"""`PodHealth`: how the pods of one release do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.problem import Problem


@dataclass(frozen=True, kw_only=True)
class PodHealth:
    """The problem of the pods of a release, and how often their containers ended."""

    problem: Problem | None
    crashes: int
