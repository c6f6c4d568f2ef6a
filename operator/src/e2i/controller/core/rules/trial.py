"""Rules that decide whether a release may take requests, and whether it may keep them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Strategy
from e2i.api.problem import Problem
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import StartGuard, Verify
from e2i.controller.core.observed import Finding, Observed, VerificationState
from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.release import Release, guarded_until, ready_pods, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.decision import (
    CLUSTER_POLL,
    NOW,
    PODS_POLL,
    Plan,
    settled_plan,
    target_release,
    targets_desired,
)
from e2i.controller.core.rules.switch import record_failure
from e2i.controller.core.verification import checks

CRASHES_UNDER_GUARD = 2
"""Of all pods together: once may be a neighbour's fault, and the other pods answer meanwhile."""

VERIFICATION_REASONS = (
    Reason.VerificationFailed,
    Reason.VerificationTimeout,
    Reason.VerificationError,
    Reason.PredictionNotFinite,
    Reason.ContractBroken,
)


def restore_recorded_failure(here: Situation, now: datetime) -> Plan | None:
    """What the bucket tells a new cluster of the release goes into the status before anything is made.

    Once there are children nobody asks the bucket again.
    """
    failed = here.quarantine
    if failed is None or failed.trial in {known.trial for known in persisted_status.failures(here.model)}:
        return None
    return replace(settled_plan(here), failure=failed, look_again=NOW)


def judge_serving_release(here: Situation, now: datetime) -> Plan | None:
    """For a while after the switch a crash or a crossed limit is the release's fault."""
    chosen = target_release(here)
    if not _is_judged(here, chosen, now) or not targets_desired(here) or here.quarantine:
        return None
    loss = _loss(chosen, here.seen) if _has_way_back(here, chosen) else None
    problem = here.seen.guard_problem or loss
    if problem is None:
        return _start_guard(here, chosen, now)
    return Plan(
        reason=problem.reason, message=problem.message, stalled=True, failed=True, look_again=CLUSTER_POLL
    )


def _is_judged(here: Situation, chosen: Release, now: datetime) -> bool:
    """Whether it has requests, and has not had all of them for long."""
    if serving_release(here.seen) != chosen.release:
        return _shares(here)
    until = guarded_until(here.model, here.seen)
    return until is not None and now < until


def _shares(here: Situation) -> bool:
    known = sizes.canary_progress(here)
    return known is not None and sizes.weight(here.model.rollout.steps, known.step) > 0


def _has_way_back(here: Situation, chosen: Release) -> bool:
    """Without one a release that loses its pods is waited for: there is nothing better to do for its requests."""
    if here.model.rollout.strategy is Strategy.IN_PLACE:
        return any(release != chosen.release for release in persisted_status.proved(here.model))
    others = (child for child in here.seen.deployments if child.release != chosen.release)
    return any(ready_pods(here.seen.workload(child)) for child in others)


def _loss(chosen: Release, seen: Observed) -> Problem | None:
    """Requests are being lost, or will be: waiting for a restart would cost more than going back."""
    crash = seen.pod_problem if seen.pod_problem and seen.pod_problem.reason is Reason.CrashLoop else None
    workload = chosen.workload
    if workload and workload.existing and not ready_pods(workload):
        cause = f": {crash.message}" if crash else ""
        message = f"no pod of release {chosen.release} ({chosen.tag}) is ready any more{cause}"
        return Problem(reason=crash.reason if crash else Reason.PodsLost, message=message)
    return crash if crash and (crash.final or seen.crashes >= CRASHES_UNDER_GUARD) else None


def _start_guard(here: Situation, chosen: Release, now: datetime) -> Plan | None:
    switched = here.seen.service.switched_at if here.seen.service else None
    if here.model.rollout.watch is None or switched is None or here.seen.guard_running:
        return None
    begun = now if _shares(here) else switched
    until = begun + timedelta(seconds=here.model.rollout.watch["seconds"])
    if now >= until:
        return None
    plan, trial = settled_plan(here), naming.trial_of(here.model, chosen.release)
    return Plan(reason=plan.reason, message=plan.message, actions=(StartGuard(chosen.release, trial, until),))


def hold_failed_release(here: Situation, now: datetime) -> Plan | None:
    """A wrong prediction does not become right by waiting; nor is a failure forgotten that served."""
    failed = here.quarantine
    if failed is None or not targets_desired(here):
        return None
    serves = serving_release(here.seen) == failed.release
    if not serves and failed.reason not in VERIFICATION_REASONS:
        return None
    return record_failure(here, now) or settled_plan(here)


def verify_release(here: Situation, now: datetime) -> Plan | None:
    """Ask for its golden predictions a release that is whole and has no traffic yet."""
    chosen = target_release(here)
    if serving_release(here.seen) == chosen.release or not targets_desired(here):
        return None
    asked = len(checks.parse_verification(here.model.rollout.checks).checks)
    if not asked or here.seen.verification is VerificationState.PASSED:
        return None
    if isinstance(here.seen.verification, Finding):
        problem = here.seen.verification.problem
        return Plan(
            reason=problem.reason,
            message=problem.message,
            stalled=True,
            failed=True,
            http=here.seen.verification.http,
            look_again=CLUSTER_POLL,
        )
    message = f"release {chosen.release} of {chosen.tag} is asked {asked} golden predictions"
    if here.seen.verification is VerificationState.RUNNING:
        return Plan(reason=Reason.Verifying, message=message, look_again=PODS_POLL)
    trial = naming.trial_of(here.model, chosen.release)
    return Plan(reason=Reason.Verifying, message=message, actions=(Verify(chosen.name, trial),))
