"""Rules that verify a release before the switch and judge it after the switch."""

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
"""Crashes of all pods together after which a release fails: one may have a cause outside, and other pods answer."""

VERIFICATION_REASONS = (
    Reason.VerificationFailed,
    Reason.VerificationTimeout,
    Reason.VerificationError,
    Reason.PredictionNotFinite,
    Reason.ContractBroken,
)


def restore_recorded_failure(here: Situation, now: datetime) -> Plan | None:
    """Write a failure that only the release store knows into the status before any child is created.

    Once there are children, the release store is not read again.
    """
    failed = here.quarantine
    if failed is None or failed.trial in {known.trial for known in persisted_status.failures(here.model)}:
        return None
    return replace(settled_plan(here), failure=failed, look_again=NOW)


def judge_serving_release(here: Situation, now: datetime) -> Plan | None:
    """Fail a release that crashes or exceeds a limit soon after the switch; start its guard otherwise."""
    target = target_release(here)
    if not _is_judged(here, target, now) or not targets_desired(here) or here.quarantine:
        return None
    loss = _loss(target, here.seen) if _has_way_back(here, target) else None
    problem = here.seen.guard_problem or loss
    if problem is None:
        return _start_guard(here, target, now)
    return Plan(
        reason=problem.reason, message=problem.message, stalled=True, failed=True, look_again=CLUSTER_POLL
    )


def _is_judged(here: Situation, target: Release, now: datetime) -> bool:
    """Return whether it gets requests and the time after the switch is not over."""
    if serving_release(here.seen) != target.release:
        return _shares(here)
    until = guarded_until(here.model, here.seen)
    return until is not None and now < until


def _shares(here: Situation) -> bool:
    known = sizes.canary_progress(here)
    return known is not None and sizes.weight(here.model.rollout.steps, known.step) > 0


def _has_way_back(here: Situation, target: Release) -> bool:
    """Return whether another release could serve. If not, a release without pods is waited for."""
    if here.model.rollout.strategy is Strategy.IN_PLACE:
        return any(release != target.release for release in persisted_status.proved(here.model))
    others = (child for child in here.seen.deployments if child.release != target.release)
    return any(ready_pods(here.seen.workload(child)) for child in others)


def _loss(target: Release, seen: Observed) -> Problem | None:
    """Return why the release loses requests: it has no ready pod, or its containers crash."""
    crash = seen.pod_problem if seen.pod_problem and seen.pod_problem.reason is Reason.CrashLoop else None
    workload = target.workload
    if workload and workload.existing and not ready_pods(workload):
        cause = f": {crash.message}" if crash else ""
        message = f"no pod of release {target.release} ({target.tag}) is ready any more{cause}"
        return Problem(reason=crash.reason if crash else Reason.PodsLost, message=message)
    return crash if crash and (crash.final or seen.crashes >= CRASHES_UNDER_GUARD) else None


def _start_guard(here: Situation, target: Release, now: datetime) -> Plan | None:
    switched = here.seen.service.switched_at if here.seen.service else None
    if here.model.rollout.watch is None or switched is None or here.seen.guard_running:
        return None
    begun = now if _shares(here) else switched
    until = begun + timedelta(seconds=here.model.rollout.watch["seconds"])
    if now >= until:
        return None
    plan, trial = settled_plan(here), naming.trial_of(here.model, target.release)
    start = StartGuard(target.release, trial, until, target.artifact.service)
    return Plan(reason=plan.reason, message=plan.message, actions=(start,))


def hold_failed_release(here: Situation, now: datetime) -> Plan | None:
    """Keep a release that failed its verification, or that failed while it serves, from being tried again."""
    failed = here.quarantine
    if failed is None or not targets_desired(here):
        return None
    serves = serving_release(here.seen) == failed.release
    if not serves and failed.reason not in VERIFICATION_REASONS:
        return None
    return record_failure(here, now) or settled_plan(here)


def verify_release(here: Situation, now: datetime) -> Plan | None:
    """Verify a release that has all its pods and no requests yet."""
    target = target_release(here)
    if serving_release(here.seen) == target.release or not targets_desired(here):
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
    message = f"release {target.release} of {target.tag} has to answer {asked} golden predictions"
    if here.seen.verification is VerificationState.RUNNING:
        return Plan(reason=Reason.Verifying, message=message, look_again=PODS_POLL)
    trial = naming.trial_of(here.model, target.release)
    return Plan(reason=Reason.Verifying, message=message, actions=(Verify(target.name, trial),))
