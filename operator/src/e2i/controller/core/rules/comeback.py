"""The rule for a restored model: what served before serves again, before the spec is followed."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.controller.core.plan import CLUSTER_POLL, Plan
from e2i.controller.core.releases.situation import Situation, target_release


def wait_for_earlier_release(here: Situation, now: datetime) -> Plan | None:
    """Wait for the release that served before. A release that takes too long to come back holds up nothing more.

    `address.restore_deleted_service` gives it the address.
    """
    target, child = target_release(here), here.seen.deployment(here.comeback)
    if child is None or here.comeback == target.release or here.model.is_parked:
        return None
    if now - child.first_seen >= timedelta(seconds=here.model.rollout.progress_deadline):
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {here.comeback} of {child.tag} served before the model was restored and comes back first; "
        f"release {target.release} of {target.tag} follows",
        look_again=CLUSTER_POLL,
    )
