"""`Trouble`: why the pods of one release are not all ready. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.problem import Problem


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """The problem of a release's pods, and how often their containers ended."""

    problem: Problem | None
    crashes: int
