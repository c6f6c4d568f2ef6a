"""What a section hands over: its text, and the goals that it measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One goal, what was measured, and whether it was reached."""

    words: str
    measured: str
    reached: bool

    @property
    def row(self) -> tuple[str, str, str]:
        return self.words, self.measured, "yes" if self.reached else "**no**"


@dataclass(frozen=True)
class Report:
    """A section as Markdown, without its heading, and its goals."""

    text: str
    goals: Sequence[Goal] = ()


@dataclass(frozen=True)
class Sizes:
    """How many models the parts take, and how long they last."""

    rounds: int = 4
    paced: int = 25
    back_to_back: int = 75
    burst: int = 1000
    bursts: int = 2
    waiting: tuple[int, ...] = (10, 60)
    waiting_seconds: float = 20.0
    sample: int = 200
    fleet: int = 5000
    neighbours: int = 300
    events: int = 100_000
    failing: int = 200
    failing_seconds: float = 120.0


FULL = Sizes()
SMALL = Sizes(
    rounds=1,
    paced=10,
    back_to_back=20,
    burst=100,
    bursts=1,
    waiting=(3, 10),
    waiting_seconds=8.0,
    sample=40,
    fleet=200,
    neighbours=40,
    events=2_000,
    failing=10,
    failing_seconds=30.0,
)
"""To try the benchmarks; their figures are of no use."""
