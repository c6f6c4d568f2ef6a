"""The rule for children that an earlier model of the same name left behind (kubectl delete --cascade=orphan)."""

from __future__ import annotations

from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.controller.core.actions import Adopt
from e2i.controller.core.children import BentoDeployment, BentoRequest, Child, Service
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.decision import Plan


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


def is_orphan(model: Model, child: Child) -> bool:
    """Return whether the object has no owner, our labels, and the name that the operator gives to such a child."""
    if child.owner is not None or not child.labelled or child.model != model.name:
        return False
    match child:
        case BentoRequest(artifact=artifact):
            # Parsed only if its name belongs to its digest.
            return artifact is not None
        case BentoDeployment(release=release):
            names = (naming.release_name(model.name, release or ""), naming.inplace_name(model.name))
            return release is not None and child.name in names
        case Service():
            return child.name == model.name
    return False
