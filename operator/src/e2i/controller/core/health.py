"""Decide from the signs of life of its tasks whether the operator is alive and ready. Pure.

Alive means that its tasks do their work, so a restart would not help: an API server that is away is no reason for one.
Ready means that it does what it is there for: it looks after the models, or it is a standby for the one that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """When a task last showed that it is alive, and within how many seconds it must do so again."""

    task: str
    age: float
    limit: float


@dataclass(frozen=True, kw_only=True)
class Health:
    """The state of the operator that the probes report."""

    stale: tuple[str, ...]
    """A sentence for each task that hangs."""
    unready: str
    """Why the operator is not ready; empty if it is."""
    numbers: Mapping[str, object]
    """For people: how many models there are, how many of them wait for a pass."""

    @property
    def is_alive(self) -> bool:
        return not self.stale

    @property
    def is_ready(self) -> bool:
        return self.is_alive and not self.unready


def stale(signs: Iterable[Sign]) -> tuple[str, ...]:
    """Return a sentence for each task that gave no sign of life within its limit."""
    return tuple(
        f"{sign.task} gave no sign of life for {sign.age:.0f} s, more than {sign.limit:.0f} s"
        for sign in signs
        if sign.age > sign.limit
    )
