"""Rules that verify a release before the switch and judge it after the switch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.api.model import Rollback, Strategy
from e2i.api.problem import Problem
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import StartGuard, Verify
from e2i.controller.core.observed import VerificationState
from e2i.controller.core.plan import CLUSTER_POLL, NOW, PODS_POLL, STORE_POLL, Plan
from e2i.controller.core.pod_health import PodHealth
from e2i.controller.core.releases import parking, quarantine, retries, sizes
from e2i.controller.core.releases.failure_kinds import VERIFICATION_FAILURES
from e2i.controller.core.releases.judged import judged_release
from e2i.controller.core.releases.release import Release, guarded_until, ready_pods, serving_release
from e2i.controller.core.releases.situation import Situation, target_release, targets_desired
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.rules.settled import settled_plan
from e2i.controller.core.verification.identity import judged_by

CRASHES_UNDER_GUARD = 2
"""Crashes of all pods together after which a release fails: one may have a cause outside, and other pods answer."""


def restore_recorded_failure(here: Situation, now: datetime) -> Plan | None:
    """Write a failure that only the release store knows into the status before any child is created.

    Once there are children, the release store is not read again.
    """
    failed = here.quarantine
    if failed is None or failed in quarantine.noted_failures(here.model, here.seen):
        return None
    return replace(settled_plan(here), failure=failed, look_again=NOW)


def judge_serving_release(here: Situation, now: datetime) -> Plan | None:
    """Fail a release that crashes or exceeds a limit soon after the switch, or while it is a canary."""
    if here.model.rollout.rollback is Rollback.DISABLED:
        return None
    return _verdict(here, now)


def report_sick_release(here: Situation, now: datetime) -> Plan | None:
    """Report that of the desired release if spec.rollout.rollback is Disabled: it is waited for."""
    if here.model.rollout.rollback is not Rollback.DISABLED:
        return None
    return _verdict(here, now) if here.serving == here.asked or sizes.canary_share(here) else None


def _verdict(here: Situation, now: datetime) -> Plan | None:
    judged = judged_release(here)
    if judged is None or not _is_judged(here, judged, now):
        return None
    problem = here.seen.guard_problem or _loss(judged, here)
    if problem is None:
        return None
    return Plan(
        reason=problem.reason,
        message=problem.message,
        log=problem.log,
        stalled=True,
        failed=True,
        judged=judged,
        look_again=CLUSTER_POLL,
    )


def _is_judged(here: Situation, judged: Release, now: datetime) -> bool:
    """Return whether it can fail: it did not fail yet, and the time after the switch is not over.

    Neither does it while the model is parked, nor for its pods that have to come back after that.
    What serves while another release is on its way fails only if there is a way back, and never in place of one that
    failed.
    """
    if here.model.is_parked or quarantine.failure(here.model, here.seen, judged.release):
        return False
    if judged.release == here.serving and parking.is_waking(here.model):
        return False
    if judged.release != here.asked and (here.quarantine or here.way_back is None):
        return False
    if judged.release != here.serving:
        return True
    until = guarded_until(here.model, here.seen)
    return until is not None and now < until


def _loss(judged: Release, here: Situation) -> Problem | None:
    """Return why the release loses requests: it has no ready pod, or its containers crash.

    None if no other release could serve: then its pods are waited for. None too if a container beside the model's
    keeps the pods from being ready. What keeps others from replacing lost pods, such as full nodes, excuses nothing:
    an operator that starts after the loss sees only that.
    """
    health = _pod_health(judged, here)
    reason = health.problem.reason if health.problem else None
    if not _has_way_back(here, judged) or reason is Reason.SidecarFailed:
        return None
    crash = health.problem if reason is Reason.CrashLoop else None
    workload = judged.workload
    # Not `existing`: for a moment after the last pod was deleted, there is no other yet.
    if workload and workload.wanted and not ready_pods(workload):
        cause = f": {crash.message}" if crash else ""
        message = f"no pod of release {judged.release} ({judged.tag}) is ready any more{cause}"
        log = crash.log if crash else ""
        return Problem(reason=crash.reason if crash else Reason.PodsLost, message=message, log=log)
    return crash if crash and (crash.final or health.crashes >= CRASHES_UNDER_GUARD) else None


def _has_way_back(here: Situation, judged: Release) -> bool:
    if here.model.rollout.strategy is Strategy.IN_PLACE:
        return any(release != judged.release for release in persisted_status.proved(here.model))
    others = (child for child in here.seen.deployments if child.release != judged.release)
    return any(ready_pods(here.seen.workload(child)) for child in others)


def _pod_health(judged: Release, here: Situation) -> PodHealth:
    if here.target and here.target.release == judged.release:
        return PodHealth(problem=here.seen.pod_problem, crashes=here.seen.crashes)
    return here.seen.judged_health or PodHealth(problem=None, crashes=0)


def retry_lost_release(here: Situation, now: datetime) -> Plan | None:
    """Try a release again that lost its pods without a crash of its own: its node may have restarted."""
    failed = here.quarantine
    due = retries.due(here.model, failed) if failed and here.fallback and not here.model.is_parked else None
    if failed is None or due is None or now < due:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {failed.release} of {failed.tag} lost its pods without a crash of its own and is tried again",
        retries=persisted_status.retries(here.model, failed.release) + 1,
        look_again=NOW,
    )


def start_guard(here: Situation, now: datetime) -> Plan | None:
    """Start to read the metrics of a release that gets requests since a moment ago."""
    judged, watch = judged_release(here), here.model.rollout.watch
    switched = here.seen.service.switched_at if here.seen.service else None
    if judged is None or watch is None or switched is None or here.seen.guard_running:
        return None
    begun = now if sizes.canary_share(here) else switched
    until = begun + timedelta(seconds=watch["seconds"])
    if now >= until or not _is_judged(here, judged, now):
        return None
    trial = trial_of(here.model, judged.release)
    return Plan(
        reason=Reason.Serving,
        message=f"the metrics of release {judged.release} of {judged.tag} are read",
        actions=(
            StartGuard(judged.release, trial, until, judged.artifact.service, judged.artifact.path_prefix),
        ),
    )


def leave_failed_release(here: Situation, now: datetime) -> Plan | None:
    """Create nothing for a release that failed, perhaps in another cluster, and of which nothing exists here."""
    desired = here.desired
    if here.quarantine is None or desired is None or not targets_desired(here):
        return None
    serves = serving_release(here.seen) == desired.release
    return None if serves or desired.request or desired.deployment else settled_plan(here)


def hold_failed_release(here: Situation, now: datetime) -> Plan | None:
    """Keep a release that failed its verification, or that failed while it serves, from being tried again."""
    failed = here.quarantine
    if failed is None or not targets_desired(here):
        return None
    serves = serving_release(here.seen) == failed.release
    if not serves and failed.reason not in VERIFICATION_FAILURES:
        return None
    return settled_plan(here)


def verify_release(here: Situation, now: datetime) -> Plan | None:
    """Verify a release that has all its pods and no requests yet, or that has its pods back after it was parked."""
    target = target_release(here)
    is_proved = serving_release(here.seen) == target.release and not parking.is_waking(here.model)
    if is_proved or not targets_desired(here):
        return None
    asked = judged_by(here.model.rollout).checks
    if not asked or here.seen.verification is VerificationState.PASSED:
        return None
    if isinstance(here.seen.verification, Problem):
        problem = here.seen.verification
        return Plan(
            reason=problem.reason,
            message=problem.message,
            stalled=True,
            failed=problem.final,
            http=problem.http,
            look_again=CLUSTER_POLL if problem.final else STORE_POLL,
        )
    message = f"release {target.release} of {target.tag} has to answer {asked} golden predictions"
    if here.seen.verification is VerificationState.RUNNING:
        return Plan(reason=Reason.Verifying, message=message, look_again=PODS_POLL)
    owner = target.deployment.uid if target.deployment else ""
    verify = Verify(target.name, parking.verification_of(here.model, target.release), owner)
    return Plan(reason=Reason.Verifying, message=message, actions=(verify,))
