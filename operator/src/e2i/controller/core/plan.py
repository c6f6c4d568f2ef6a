"""What to do next: an ordered table of rules, each of them one situation. Pure.

The order of RULES is the priority: the first rule that recognises its situation decides the pass.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import one_line
from e2i.api.model import Model, Rollback
from e2i.api.problem import Problem
from e2i.controller.core.observed import Observed
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.quarantine import fallback, quarantine
from e2i.controller.core.releases.release import serving_release
from e2i.controller.core.rules import cleanup, deletion, making, pods, preconditions, switch, trial
from e2i.controller.core.rules.decision import NOW, STORE_POLL, Plan, Rule, desired_release, targets_desired

RULES: tuple[Rule, ...] = (
    deletion.leave_deleted_model,
    preconditions.hold_while_suspended,
    preconditions.wait_for_yatai,
    preconditions.refuse_tag,
    preconditions.refuse_checks,
    preconditions.refuse_taken_names,
    deletion.keep_finalizer,
    making.read_ledger,
    making.export_bento,
    # From here on the bento is exported, so the release to serve is known.
    preconditions.wait_for_leftovers,
    trial.recall_failure,
    trial.judge_serving_release,
    switch.go_back,
    switch.keep_address,
    making.reset_retried_release,
    switch.hold_edit,
    making.create_release,
    making.remove_superseded,
    making.report_failed_build,
    making.wait_for_build,
    pods.wake_parked_deployment,
    pods.resize,
    cleanup.make_room,
    pods.keep_serving_release_whole,
    pods.wait_for_pods,
    # From here on the release to serve has all its pods.
    trial.hold_failed,
    trial.verify_release,
    switch.hold_paused,
    switch.advance_canary,
    switch.switch_service,
    # From here on it serves.
    switch.record_failure,
    cleanup.retire_others,
    cleanup.trim_images,
    cleanup.rest,
)


def plan(model: Model, seen: Observed, now: datetime) -> Plan:
    """The first rule's verdict; the last rule always has one."""
    verdict = next(verdict for rule in RULES if (verdict := rule(model, seen, now)))
    if isinstance(seen.ledger, Problem):
        # The bucket cannot wake us, and may be what a rollback waits for.
        again = verdict.look_again
        verdict = replace(verdict, look_again=STORE_POLL if again is None else min(again, STORE_POLL))
    return _give_up(model, seen, verdict, now) if verdict.failed else verdict


def _give_up(model: Model, seen: Observed, verdict: Plan, now: datetime) -> Plan:
    """Quarantine a release that is not to be had; what serves in its place is the next pass's business."""
    if model.rollout.rollback is Rollback.DISABLED or not targets_desired(model, seen):
        return verdict
    if quarantine(model, seen):
        return _with_way_out(model, seen, verdict)
    wanted = desired_release(model, seen)
    failure = Failure(
        release=wanted.release,
        tag=wanted.tag,
        digest=wanted.artifact.digest,
        trial=naming.trial_of(model, wanted.release),
        reason=verdict.reason,
        message=one_line(verdict.message),
        failed_at=now,
    )
    return replace(_with_way_out(model, seen, verdict), failure=failure, look_again=NOW)


def _with_way_out(model: Model, seen: Observed, verdict: Plan) -> Plan:
    """What a release that nothing can stand in for leaves to do; its pods are waited for all the same."""
    if serving_release(seen) is not None or fallback(model, seen):
        return verdict
    retry = f"kubectl e2i retry {model.name} -n {model.namespace} tries it anew"
    instead = f"There is no earlier release to go back to; correct the cause, or {retry}"
    return replace(verdict, message=f"{verdict.message.rstrip('.')}. {instead}")
