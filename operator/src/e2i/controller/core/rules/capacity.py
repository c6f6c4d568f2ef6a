"""Rules that keep releases at their numbers of pods."""

from __future__ import annotations

from datetime import datetime

from e2i.api.conditions import Reason
from e2i.controller.core.actions import Resize
from e2i.controller.core.observed import BentoDeployment
from e2i.controller.core.releases.release import existing_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.render import comparison
from e2i.controller.core.rules.decision import Plan, ready_pods_message, target_release


def resize_serving_release(here: Situation, now: datetime) -> Plan | None:
    """Change the number of pods of the serving release, whatever else the spec asks for.

    Nothing else of a release may be edited: for this Yatai only changes its autoscaler."""
    child = here.seen.deployment(here.serving)
    return None if here.seen.missing_kinds else _resize(here, child)


def resize_target_release(here: Situation, now: datetime) -> Plan | None:
    """Change the number of pods of the target."""
    return _resize(here, here.seen.deployment(target_release(here).release))


def _resize(here: Situation, child: BentoDeployment | None) -> Plan | None:
    if child is None or not comparison.size_differs(child, size_of(here, child.release)):
        return None
    return Plan(
        reason=Reason.Scaling,
        message=ready_pods_message(here, existing_release(here.seen, child)),
        actions=(Resize(child.name, size_of(here, child.release)),),
    )
