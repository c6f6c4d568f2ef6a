"""What to do next: an ordered table of rules, each of them one situation. Pure.

The order of RULES is the priority: the first rule that recognises its situation decides the pass.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import one_line
from e2i.api.model import Rollback
from e2i.api.problem import Problem
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.release import serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import (
    build,
    cleanup,
    deletion,
    deploy,
    export,
    pods,
    preconditions,
    switch,
    trial,
)
from e2i.controller.core.rules.decision import NOW, STORE_POLL, Plan, Rule, desired_release, targets_desired

RULES: tuple[Rule, ...] = (
    deletion.finish_deletion,
    preconditions.hold_while_suspended,
    preconditions.wait_for_yatai,
    preconditions.refuse_tag,
    preconditions.refuse_checks,
    preconditions.refuse_taken_names,
    deletion.set_finalizer,
    export.read_release_store,
    export.export_bento,
    # From here on the bento is exported, so the release to serve is known.
    preconditions.wait_for_leftovers,
    trial.restore_recorded_failure,
    trial.judge_serving_release,
    switch.roll_back_failed_release,
    switch.restore_address,
    deploy.reset_retried_release,
    switch.hold_paused_edit,
    deploy.create_release,
    deploy.remove_superseded_releases,
    build.report_failed_build,
    build.wait_for_build,
    pods.retry_refused_deployment,
    pods.resize_releases,
    cleanup.make_room,
    pods.wait_for_serving_pods,
    pods.wait_for_pods,
    # From here on the release to serve has all its pods.
    trial.hold_failed_release,
    trial.verify_release,
    switch.hold_paused_rollout,
    switch.advance_canary,
    switch.switch_service,
    # From here on it serves.
    switch.record_failure,
    cleanup.retire_previous_releases,
    cleanup.trim_images,
    cleanup.report_settled,
)


def plan(here: Situation, now: datetime) -> Plan:
    """The first rule's decided; the last rule always has one."""
    decided = next(decided for rule in RULES if (decided := rule(here, now)))
    if isinstance(here.seen.records, Problem):
        # The bucket cannot wake us, and may be what a rollback waits for.
        again = decided.look_again
        decided = replace(decided, look_again=STORE_POLL if again is None else min(again, STORE_POLL))
    return _quarantine(here, decided, now) if decided.failed else decided


def _quarantine(here: Situation, decided: Plan, now: datetime) -> Plan:
    """Quarantine a release that is not to be had; what serves in its place is the next pass's business."""
    if here.model.rollout.rollback is Rollback.DISABLED or not targets_desired(here):
        return decided
    if here.quarantine:
        return _with_way_out(here, decided)
    wanted = desired_release(here)
    failure = Failure(
        release=wanted.release,
        tag=wanted.tag,
        digest=wanted.artifact.digest,
        trial=naming.trial_of(here.model, wanted.release),
        reason=decided.reason,
        message=one_line(decided.message),
        failed_at=now,
    )
    return replace(_with_way_out(here, decided), failure=failure, look_again=NOW)


def _with_way_out(here: Situation, decided: Plan) -> Plan:
    """What a release that nothing can stand in for leaves to do; its pods are waited for all the same."""
    if serving_release(here.seen) is not None or here.fallback:
        return decided
    retry = f"kubectl e2i retry {here.model.name} -n {here.model.namespace} tries it anew"
    instead = f"There is no earlier release to go back to; correct the cause, or {retry}"
    return replace(decided, message=f"{decided.message.rstrip('.')}. {instead}")
