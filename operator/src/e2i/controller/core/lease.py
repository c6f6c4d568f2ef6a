"""Decide whether an operator may take the Lease that makes it the active one. Pure.

Times are seconds of a clock of the operator that asks. The times in the Lease are those of other clocks, so they are
only compared for equality: a Lease that does not change for its duration has no living holder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 600.0
"""Seconds. A Lease that claims a longer duration is free after this time."""
LONGEST_PERIOD = 2.0
"""Seconds. A released Lease is taken within this time."""


@dataclass(frozen=True)
class Terms:
    """The times of a Lease, in the proportions of client-go: 15, 10 and 2 seconds."""

    duration: float
    """Seconds after which others may take a Lease that is not renewed."""

    @property
    def write_within(self) -> float:
        """Seconds after a renewal in which its holder may write."""
        return self.duration * 2 / 3

    @property
    def period(self) -> float:
        """Seconds between two renewals, and between two looks of an operator that waits."""
        return min(LONGEST_PERIOD, self.duration * 2 / 15)


@dataclass(frozen=True)
class Claim:
    """The content of a Lease. Each renewal makes another claim."""

    holder: str
    """Identity of the active operator; empty if nobody has the Lease."""
    renewed: str
    transitions: int
    duration: float | None


@dataclass(frozen=True)
class Sighting:
    """A claim, and since when it has not changed."""

    claim: Claim
    since: float


def parse_claim(lease: Mapping[str, Any]) -> Claim:
    """Return the claim of a Lease; a field with a value of another type counts as absent."""
    spec = lease.get("spec")
    fields: Mapping[str, Any] = spec if isinstance(spec, Mapping) else {}
    holder, renewed = fields.get("holderIdentity"), fields.get("renewTime")
    transitions, duration = fields.get("leaseTransitions"), fields.get("leaseDurationSeconds")
    return Claim(
        holder=holder if isinstance(holder, str) else "",
        renewed=renewed if isinstance(renewed, str) else "",
        transitions=transitions if type(transitions) is int else 0,
        duration=min(float(duration), LONGEST) if type(duration) is int and duration > 0 else None,
    )


def sight(before: Sighting | None, lease: Mapping[str, Any] | None, now: float) -> Sighting | None:
    """Return what is known after a look; None if no holder was ever seen.

    A Lease that somebody deleted still counts for its duration: its holder does not know yet.
    """
    if lease is None:
        return before
    claim = parse_claim(lease)
    return before if before and before.claim == claim else Sighting(claim, now)


def is_free(sighting: Sighting | None, identity: str, terms: Terms, now: float) -> bool:
    """Return whether the operator `identity` may take the Lease."""
    if sighting is None:
        return True
    claim = sighting.claim
    if not claim.holder or instance(claim.holder) == instance(identity):
        return True
    return now - sighting.since >= (claim.duration or terms.duration)


def instance(identity: str) -> str:
    """Return the instance in an identity: "6f1c-…_a1b2c3d4" -> "6f1c-…".

    Processes of one instance follow each other: the kubelet starts a container again after it has ended.
    """
    return identity.rpartition("_")[0]
