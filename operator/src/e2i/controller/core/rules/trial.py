"""Rules that decide whether a release may take requests, and whether it may keep them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Strategy
from e2i.api.problem import Problem
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import Verify, Watch
from e2i.controller.core.observed import Finding, Observed, Verdict
from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.quarantine import quarantine
from e2i.controller.core.releases.release import Release, guarded_until, ready_pods, serving_release
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

OF_VERIFICATION = (
    Reason.VerificationFailed,
    Reason.VerificationTimeout,
    Reason.VerificationError,
    Reason.PredictionNotFinite,
    Reason.ContractBroken,
)


def recall_failure(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """What the bucket tells a new cluster of the release goes into the status before anything is made.

    Once there are children nobody asks the bucket again.
    """
    failed = quarantine(model, seen)
    if failed is None or failed.trial in {known.trial for known in persisted_status.failures(model)}:
        return None
    return replace(settled_plan(model, seen), failure=failed, look_again=NOW)


def judge_serving_release(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """For a while after the switch a crash or a crossed limit is the release's fault."""
    chosen = target_release(model, seen)
    if (
        not _is_judged(model, seen, chosen, now)
        or not targets_desired(model, seen)
        or quarantine(model, seen)
    ):
        return None
    loss = _loss(chosen, seen) if _has_way_back(model, seen, chosen) else None
    trouble = seen.watch_trouble or loss
    if trouble is None:
        return _begin_watch(model, seen, chosen, now)
    return Plan(
        reason=trouble.reason, message=trouble.message, stalled=True, failed=True, look_again=CLUSTER_POLL
    )


def _is_judged(model: Model, seen: Observed, chosen: Release, now: datetime) -> bool:
    """Whether it has requests, and has not had all of them for long."""
    if serving_release(seen) != chosen.release:
        return _shares(model, seen)
    until = guarded_until(model, seen)
    return until is not None and now < until


def _shares(model: Model, seen: Observed) -> bool:
    known = sizes.progress(model, seen)
    return known is not None and sizes.weight(model.rollout.steps, known.step) > 0


def _has_way_back(model: Model, seen: Observed, chosen: Release) -> bool:
    """Without one a release that loses its pods is waited for: there is nothing better to do for its requests."""
    if model.rollout.strategy is Strategy.IN_PLACE:
        return any(release != chosen.release for release in persisted_status.proved(model))
    others = (child for child in seen.deployments if child.release != chosen.release)
    return any(ready_pods(seen.workload(child)) for child in others)


def _loss(chosen: Release, seen: Observed) -> Problem | None:
    """Requests are being lost, or will be: waiting for a restart would cost more than going back."""
    crash = seen.pod_trouble if seen.pod_trouble and seen.pod_trouble.reason is Reason.CrashLoop else None
    workload = chosen.workload
    if workload and workload.existing and not ready_pods(workload):
        cause = f": {crash.message}" if crash else ""
        message = f"no pod of release {chosen.release} ({chosen.tag}) is ready any more{cause}"
        return Problem(reason=crash.reason if crash else Reason.PodsLost, message=message)
    return crash if crash and (crash.final or seen.crashes >= CRASHES_UNDER_GUARD) else None


def _begin_watch(model: Model, seen: Observed, chosen: Release, now: datetime) -> Plan | None:
    switched = seen.service.switched_at if seen.service else None
    if model.rollout.watch is None or switched is None or seen.watching:
        return None
    begun = now if _shares(model, seen) else switched
    until = begun + timedelta(seconds=model.rollout.watch["seconds"])
    if now >= until:
        return None
    plan, trial = settled_plan(model, seen), naming.trial_of(model, chosen.release)
    return Plan(reason=plan.reason, message=plan.message, actions=(Watch(chosen.release, trial, until),))


def hold_failed(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """A wrong prediction does not become right by waiting; nor is a failure forgotten that served."""
    failed = quarantine(model, seen)
    if failed is None or not targets_desired(model, seen):
        return None
    serves = serving_release(seen) == failed.release
    if not serves and failed.reason not in OF_VERIFICATION:
        return None
    return record_failure(model, seen, now) or settled_plan(model, seen)


def verify_release(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """Ask for its golden predictions a release that is whole and has no traffic yet."""
    chosen = target_release(model, seen)
    if serving_release(seen) == chosen.release or not targets_desired(model, seen):
        return None
    asked = len(checks.parse_verification(model.rollout.checks).checks)
    if not asked or seen.verification is Verdict.PASSED:
        return None
    if isinstance(seen.verification, Finding):
        trouble = seen.verification.trouble
        return Plan(
            reason=trouble.reason,
            message=trouble.message,
            stalled=True,
            failed=True,
            http=seen.verification.http,
            look_again=CLUSTER_POLL,
        )
    message = f"release {chosen.release} of {chosen.tag} is asked {asked} golden predictions"
    if seen.verification is Verdict.RUNNING:
        return Plan(reason=Reason.Verifying, message=message, look_again=PODS_POLL)
    trial = naming.trial_of(model, chosen.release)
    return Plan(reason=Reason.Verifying, message=message, actions=(Verify(chosen.name, trial),))
