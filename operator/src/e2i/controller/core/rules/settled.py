"""The plan of a model for which nothing is left to do. Pure."""

from __future__ import annotations

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.failure_message import failure_message
from e2i.controller.core.releases.situation import Situation, target_release


def settled_plan(here: Situation) -> Plan:
    """Return the plan of a model for which nothing is left to do."""
    failed, target = here.quarantine, target_release(here)
    if failed is None:
        message = f"release {target.release} of {target.tag} serves at {naming.service_url(here.model)}"
        return Plan(reason=Reason.Ready, message=message)
    return Plan(reason=failed.reason, message=failure_message(here, failed), stalled=True)
