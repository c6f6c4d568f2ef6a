"""The rule for children that an earlier model of the same name left behind (kubectl delete --cascade=orphan)."""

from __future__ import annotations

from datetime import datetime

from e2i.api.conditions import Reason
from e2i.controller.core.actions import Adopt
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.situation import Situation


def adopt_orphans(here: Situation, now: datetime) -> Plan | None:
    """Adopt children without an owner: they may serve, and to make them again would end their pods."""
    if not here.seen.orphans:
        return None
    found = [(type(child).__name__, child) for child in here.seen.orphans]
    return Plan(
        reason=Reason.Pending,
        message=f"{', '.join(f'{kind} {child.name}' for kind, child in found)} of an earlier model is taken over",
        actions=tuple(Adopt(kind, child.name, child.uid) for kind, child in found),
    )
