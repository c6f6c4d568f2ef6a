"""Decides, look after look, which features of a release have drifted. Pure.

What is said of a feature changes only when several looks in a row speak against it: figures that swing around a bound
change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from e2i.api.drift_bounds import DriftBounds
from e2i.controller.core.drift.scores import Scores

LOOKS = 3
"""Looks in a row that change what is said: above the bound, or not above it any more."""


class Drifted(NamedTuple):
    """A feature that has drifted, with its index and its bound at the look that decided it."""

    name: str
    score: float
    bound: float


Verdict = tuple[Drifted, ...]
"""The features that have drifted, by name; empty if none has."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The looks at the inputs of one release, and what follows from them."""

    looks: int = 0
    """Looks that saw figures; counted up to LOOKS."""
    drifted: Mapping[str, Drifted] = field(default_factory=dict, hash=False)
    contrary: Mapping[str, int] = field(default_factory=dict, hash=False)
    """By feature: the looks in a row that spoke against what is said of it."""

    @property
    def verdict(self) -> Verdict | None:
        """The features that have drifted; None as long as there were too few looks."""
        return tuple(self.drifted[name] for name in sorted(self.drifted)) if self.looks >= LOOKS else None


def resumed(drifted: Iterable[Drifted]) -> Judgement:
    """Return the judgement with which a new life of the operator begins. It says nothing before looks of its own."""
    return Judgement(drifted={each.name: each for each in drifted})


def look(before: Judgement, scores: Scores, bounds: DriftBounds) -> Judgement:
    """Return the judgement after one more look. A feature without a figure stays as it is."""
    if not scores:
        return before
    drifted, contrary = dict(before.drifted), dict(before.contrary)
    for name, score in scores.items():
        if (score > bounds.of(name)) == (name in drifted):
            contrary.pop(name, None)
            continue
        contrary[name] = contrary.get(name, 0) + 1
        if contrary[name] < LOOKS:
            continue
        del contrary[name]
        if drifted.pop(name, None) is None:
            drifted[name] = Drifted(name, score, bounds.of(name))
    return Judgement(looks=min(before.looks + 1, LOOKS), drifted=drifted, contrary=contrary)
