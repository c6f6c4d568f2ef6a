"""Decides what a pass does: two ordered tables of rules, each rule for one situation. Pure.

First comes the care of the release that serves. Its rules need no desired release, so that nothing that stands in the
way of the next release ends it. Then comes the progress towards what the spec asks for. The order of the rules is the
priority: the first rule that recognises its situation decides the pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.conditions import one_line
from e2i.api.model import Rollback
from e2i.api.problem import Problem
from e2i.controller.core.actions import Action, ReadReleaseStore, WriteRecord
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.plan import NOW, STORE_POLL, Plan, Rule
from e2i.controller.core.releases import lost, recording, retries, sizes
from e2i.controller.core.releases.failure_message import failure_message, no_way_back
from e2i.controller.core.releases.release import Release
from e2i.controller.core.releases.situation import Situation, desired_release, targets_desired
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.rules import (
    address,
    adoption,
    build,
    capacity,
    cleanup,
    comeback,
    deletion,
    deploy,
    export,
    parking,
    pod_fields,
    pods,
    preconditions,
    switch,
    trial,
)
from e2i.controller.core.rules.budget import budget_action

CARE: tuple[Rule, ...] = (
    deletion.finish_deletion,
    address.restore_deleted_service,
    preconditions.hold_unreadable_spec,
    pod_fields.restore_mark_while_suspended,
    preconditions.hold_while_suspended,
    adoption.adopt_orphans,
    # Before anything is judged: what runs is not what was released.
    build.restore_altered_bento,
    trial.judge_serving_release,
    address.roll_back_failed_release,
    parking.park_releases,
    address.restore_address,
    deploy.restore_serving_release,
    pod_fields.patch_workloads,
    capacity.wake_idle_releases,
    capacity.resize_serving_release,
    trial.start_guard,
    build.renew_lost_bento,
)
"""What serves is looked after. None of these rules may ask for the desired release, or wait for anything."""

PROGRESS: tuple[Rule, ...] = (
    preconditions.wait_for_yatai,
    preconditions.refuse_tag,
    preconditions.refuse_checks,
    pod_fields.refuse_fields_without_policy,
    preconditions.refuse_taken_names,
    preconditions.refuse_unreadable_children,
    deletion.set_finalizer,
    export.read_release_store,
    export.export_bento,
    # Below, the bento is exported, so the target release is known.
    preconditions.wait_for_leftovers,
    trial.restore_recorded_failure,
    comeback.wait_for_earlier_release,
    trial.report_sick_release,
    trial.retry_lost_release,
    deploy.reset_retried_release,
    trial.leave_failed_release,
    switch.hold_paused_edit,
    deploy.create_release,
    deploy.remove_superseded_releases,
    build.report_failed_build,
    build.wait_for_build,
    parking.rest_parked_model,
    # Below, the model has pods.
    pods.retry_refused_deployment,
    capacity.resize_target_release,
    cleanup.make_room,
    pod_fields.refuse_bare_pods,
    pod_fields.wait_for_patched_pods,
    pods.wait_for_serving_pods,
    pods.wait_for_pods,
    # Below, the target release has all its pods.
    trial.hold_failed_release,
    trial.verify_release,
    switch.hold_paused_rollout,
    switch.advance_canary,
    switch.switch_service,
    # Below, the target release has the address.
    cleanup.retire_previous_releases,
    cleanup.trim_images,
    cleanup.report_settled,
)
"""The spec is followed."""

WAITING: tuple[Rule, ...] = (
    build.report_failed_build,
    build.wait_for_build,
    pods.wait_for_serving_pods,
    pods.wait_for_pods,
)
"""These say what a release lacks; of one that failed already they only look whether it recovers."""

RULES = (*CARE, *PROGRESS)


def plan(here: Situation, now: datetime) -> Plan:
    """Return the plan of the first rule that applies; the last rule always does."""
    rule, chosen = next((rule, chosen) for rule in RULES if (chosen := rule(here, now)))
    if isinstance(here.seen.records, Problem):
        # Nothing wakes the operator when the bucket is back, and a rollback may wait for it.
        chosen = _within(chosen, STORE_POLL)
    if here.quarantine and here.fallback and (due := retries.due(here.model, here.quarantine)) and now < due:
        chosen = _within(chosen, due - now)
    if held := sizes.held_for(here, now):
        chosen = _within(chosen, held)
    if rule in WAITING and here.quarantine and targets_desired(here):
        chosen = _still_failed(here, chosen, here.quarantine)
    elif chosen.failed:
        chosen = _quarantine(here, chosen, now)
    # Only while nothing else is to be done: a release must not wait for a budget that cannot be written.
    budgeted = None if chosen.actions else budget_action(here)
    own = chosen.actions or ((budgeted,) if budgeted else ())
    return replace(chosen, actions=(*own, *_of_the_bucket(here, chosen, now)))


def _of_the_bucket(here: Situation, chosen: Plan, now: datetime) -> Iterator[Action]:
    """Return what the bucket has to be asked beside the plan. These are the last actions: nothing waits for it."""
    if record := recording.unrecorded_failure(here):
        yield WriteRecord(record)
    if record := recording.unrecorded_canary(here, now):
        yield WriteRecord(record)
    if record := recording.lost_record(here, now):
        yield WriteRecord(record)
    reads = any(isinstance(action, ReadReleaseStore) for action in chosen.actions)
    if lost.needs_records(here) and not reads and not here.model.deleting:
        yield ReadReleaseStore()


def _still_failed(here: Situation, chosen: Plan, failed: Failure) -> Plan:
    """Keep the name and the words of the failure while the pods of the failed release are still waited for."""
    message = failure_message(here, failed) if here.serving is not None else failed.message
    named = replace(chosen, reason=failed.reason, message=message, stalled=True, failed=False)
    return _with_way_out(here, named)


def _within(chosen: Plan, delay: timedelta) -> Plan:
    """Return the plan with the next look after this delay at the latest."""
    again = chosen.look_again
    return replace(chosen, look_again=delay if again is None else min(again, delay))


def _quarantine(here: Situation, chosen: Plan, now: datetime) -> Plan:
    """Add the failure to remember to the plan of a failed release. The next pass then leads elsewhere."""
    if here.model.rollout.rollback is Rollback.DISABLED:
        return chosen
    if chosen.judged:
        return replace(chosen, failure=_failure(here, chosen, chosen.judged, now), look_again=NOW)
    if not targets_desired(here):
        return chosen
    if here.quarantine:
        return _with_way_out(here, chosen)
    failure = _failure(here, chosen, desired_release(here), now)
    return replace(_with_way_out(here, chosen), failure=failure, look_again=NOW)


def _failure(here: Situation, chosen: Plan, failed: Release, now: datetime) -> Failure:
    service = here.seen.service
    return Failure(
        release=failed.release,
        tag=failed.tag,
        digest=failed.artifact.digest,
        trial=trial_of(here.model, failed.release),
        reason=chosen.reason,
        message=one_line(chosen.message),
        failed_at=now,
        request_uid=failed.request.uid if failed.request else "",
        deployment_uid=failed.deployment.uid if failed.deployment else "",
        switched_at=service.switched_at if service and here.serving == failed.release else None,
    )


def _with_way_out(here: Situation, chosen: Plan) -> Plan:
    """Add to the message how to try again if there is no release to go back to. Its pods are still waited for."""
    if here.serving is not None or here.fallback:
        return chosen
    retry = f"kubectl e2i retry {here.model.name} -n {here.model.namespace} tries it again"
    instead = f"{no_way_back(here)}; correct the cause, or {retry}"
    return replace(chosen, message=f"{chosen.message.rstrip('.')}. {instead}")
