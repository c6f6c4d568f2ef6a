"""What to do next: an ordered table of rules, each of them one situation. Pure.

The order of RULES is the priority: the first rule that recognises its situation decides the pass.
"""

from __future__ import annotations

from datetime import datetime

from e2i.core.model import Model
from e2i.core.observed import Observed
from e2i.core.rules import making, refusing, serving
from e2i.core.rules.verdict import Plan, Rule

RULES: tuple[Rule, ...] = (
    refusing.leave_deleted_model,
    refusing.hold_while_suspended,
    refusing.wait_for_yatai,
    refusing.refuse_tag,
    refusing.refuse_taken_names,
    making.export_bento,
    # From here on the bento is exported, so the desired release is known.
    refusing.wait_for_leftovers,
    making.realise_release,
    making.remove_superseded,
    making.report_failed_build,
    making.wait_for_build,
    serving.wake_parked_deployment,
    serving.keep_serving_release_whole,
    serving.wait_for_pods,
    serving.switch_service,
    # From here on the desired release serves with all its pods.
    serving.retire_previous,
    serving.trim_images,
    serving.rest,
)


def plan(model: Model, seen: Observed, now: datetime) -> Plan:
    """The first rule's verdict; the last rule always has one."""
    return next(verdict for rule in RULES if (verdict := rule(model, seen, now)))
