"""What to do next: an ordered table of rules, each of them one situation. Pure.

The order of RULES is the priority: the first rule that recognises its situation decides the pass.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from e2i.core import naming
from e2i.core.conditions import one_line
from e2i.core.memory import Failure
from e2i.core.model import Model, Rollback
from e2i.core.observed import Observed, Trouble
from e2i.core.quarantine import fallback, quarantine
from e2i.core.release import serving_release
from e2i.core.rules import judging, leaving, making, refusing, retiring, serving, switching
from e2i.core.rules.verdict import NOW, STORE_POLL, Plan, Rule, is_desired, the_desired

RULES: tuple[Rule, ...] = (
    leaving.leave_deleted_model,
    refusing.hold_while_suspended,
    refusing.wait_for_yatai,
    refusing.refuse_tag,
    refusing.refuse_checks,
    refusing.refuse_taken_names,
    leaving.keep_finalizer,
    making.read_ledger,
    making.export_bento,
    # From here on the bento is exported, so the release to serve is known.
    refusing.wait_for_leftovers,
    judging.recall_failure,
    judging.judge_serving_release,
    switching.go_back,
    switching.keep_address,
    making.begin_anew,
    switching.hold_edit,
    making.realise_release,
    making.remove_superseded,
    making.report_failed_build,
    making.wait_for_build,
    serving.wake_parked_deployment,
    serving.resize,
    retiring.make_room,
    serving.keep_serving_release_whole,
    serving.wait_for_pods,
    # From here on the release to serve has all its pods.
    judging.hold_failed,
    judging.verify_release,
    switching.hold_paused,
    switching.advance_canary,
    switching.switch_service,
    # From here on it serves.
    switching.record_failure,
    retiring.retire_others,
    retiring.trim_images,
    retiring.rest,
)


def plan(model: Model, seen: Observed, now: datetime) -> Plan:
    """The first rule's verdict; the last rule always has one."""
    verdict = next(verdict for rule in RULES if (verdict := rule(model, seen, now)))
    if isinstance(seen.ledger, Trouble):
        # The bucket cannot wake us, and may be what a rollback waits for.
        again = verdict.look_again
        verdict = replace(verdict, look_again=STORE_POLL if again is None else min(again, STORE_POLL))
    return _give_up(model, seen, verdict, now) if verdict.failed else verdict


def _give_up(model: Model, seen: Observed, verdict: Plan, now: datetime) -> Plan:
    """Quarantine a release that is not to be had; what serves in its place is the next pass's business."""
    if model.rollout.rollback is Rollback.DISABLED or not is_desired(model, seen):
        return verdict
    if quarantine(model, seen):
        return _with_way_out(model, seen, verdict)
    wanted = the_desired(model, seen)
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
