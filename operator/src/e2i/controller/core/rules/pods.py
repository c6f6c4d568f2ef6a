"""Rules that wait for the pods of the target."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.actions import ApplyDeployment
from e2i.controller.core.evidence.refusals import refusal_advice
from e2i.controller.core.plan import CLUSTER_POLL, PODS_POLL, Plan
from e2i.controller.core.releases import own_work, sizes
from e2i.controller.core.releases.release import Release, is_complete, is_enough, serving_release
from e2i.controller.core.releases.situation import Situation, target_release
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.render.manifests import (
    CURRENT_TEMPLATE_VERSION,
    DEFAULT_RESOURCES,
    DeploymentSpec,
    knows,
)
from e2i.controller.core.rules.last_status import was_final, was_stalled, was_told
from e2i.controller.core.rules.waiting import LASTING, lasting, past_deadline, pods_poll, ready_pods_message

_OF_RELEASE = re.compile(r"denied( the)? request|violates PodSecurity|\bis invalid\b|\b[Ii]nvalid value\b")
"""Refusals that are about what the release asks for. Quotas, rights, webhooks that are down and the like are not."""
_MAY_PASS = (Reason.ImagePullFailed, Reason.ContainerConfigError)
PATIENCE = timedelta(seconds=60)
"""Until a problem of a pod is final: a Secret may be created later."""
REFUSAL_PATIENCE = timedelta(seconds=60)
"""Until a refusal is final: somebody may be about to change the rule."""


def retry_refused_deployment(here: Situation, now: datetime) -> Plan | None:
    """Make yatai-deployment retry a failed deployment by a changed annotation. It never retries by itself."""
    target = target_release(here)
    problem = _refusal(here, target, now)
    parked = target.deployment
    if problem is None or parked is None or not parked.refused_at or target.shape is None:
        return None
    template_version = parked.template_version or CURRENT_TEMPLATE_VERSION
    last = max(parked.refused_at, parked.attempted_at or parked.refused_at)
    # 30 s, 60 s, 120 s, ... after the failure, so that a lasting cause costs few tries.
    due = last + max(own_work.FIRST_ATTEMPT, last - parked.refused_at)
    size = size_of(here, target.release)
    if now < due or is_complete(target.workload, size) or not knows(template_version):
        return None
    spec = DeploymentSpec(
        release=target.release,
        name=target.name,
        artifact=target.artifact,
        shape=target.shape,
        size=size,
        template_version=template_version,
        attempt=now,
        asked_at=parked.asked_at,
        earlier_env=parked.earlier_env,
        patched=parked.patched,
    )
    return Plan(reason=problem.reason, message=problem.message, actions=(ApplyDeployment(spec),))


def wait_for_serving_pods(here: Situation, now: datetime) -> Plan | None:
    """Wait for the missing pods of a target that already has the address."""
    target = target_release(here)
    if serving_release(here.seen) != target.release or is_enough(target.workload, here.model.autoscaling):
        return None
    problem = lasting(here, here.seen.pod_problem, here.seen.problem_since, now) or _refusal(
        here, target, now
    )
    if problem:
        return Plan(
            reason=problem.reason,
            message=problem.message,
            log=problem.log,
            stalled=problem.stalled,
            look_again=PODS_POLL,
        )
    return Plan(
        reason=Reason.Scaling, message=ready_pods_message(here, target), look_again=pods_poll(here, now)
    )


def wait_for_pods(here: Situation, now: datetime) -> Plan | None:
    """Wait for the pods of the target. Only their own time has a deadline; late pods are the release's failure."""
    target = target_release(here)
    if serving_release(here.seen) == target.release or is_complete(
        target.workload, size_of(here, target.release)
    ):
        return None
    problem = _pod_problem(here, target, now)
    if problem and not problem.blameless and was_final(here, problem.reason):
        problem = replace(problem, final=True)
    late = _lateness(here, target, now)
    over = late is not None and (late >= timedelta(0) or was_final(here, Reason.ProgressDeadlineExceeded))
    if over and not (problem and problem.blameless):
        cause = f"{problem.reason.name}: {problem.message}" if problem else ready_pods_message(here, target)
        return past_deadline(here, Reason.ProgressDeadlineExceeded, "not ready", cause, problem)
    poll = pods_poll(here, now)
    wait = poll if late is None or over else min(-late, poll)
    if problem:
        held = own_work.is_held_too_long(here, now) or was_stalled(here, problem.reason)
        stalled = problem.final or (problem.blameless and held)
        plan = Plan(reason=problem.reason, message=problem.message, log=problem.log, look_again=wait)
        return replace(plan, stalled=stalled, failed=problem.final)
    if target.workload is None:
        return _wait_for_deployer(here, target, now)
    return Plan(reason=Reason.Deploying, message=ready_pods_message(here, target), look_again=wait)


def _wait_for_deployer(here: Situation, target: Release, now: datetime) -> Plan:
    """Wait for the Deployment. That it is not there is said when it has lasted: mostly it comes at once."""
    since = own_work.deployers_turn_since(target)
    if since and now - since < LASTING:
        left = since + LASTING - now
        return Plan(reason=Reason.Deploying, message=ready_pods_message(here, target), look_again=left)
    message = f"yatai-deployment has still to make the pods of release {target.release} ({target.tag})"
    return Plan(reason=Reason.Deploying, message=message, look_again=CLUSTER_POLL)


def _pod_problem(here: Situation, target: Release, now: datetime) -> Problem | None:
    """Return what keeps the pods from becoming ready, with `final` set if it has lasted."""
    since = here.seen.problem_since
    problem = lasting(here, here.seen.pod_problem, since, now)
    if problem is None:
        return _refusal(here, target, now) or own_work.turn_of_deployer(target, here.seen, now)
    lasts = problem.reason in _MAY_PASS and since is not None and now - since >= PATIENCE
    return replace(problem, final=problem.final or (lasts and not problem.blameless))


def _lateness(here: Situation, target: Release, now: datetime) -> timedelta | None:
    """Return how long the release is past its deadline, negative before it; None if it has no deadline.

    Each step of a canary has its own deadline. A canary that waits for a promotion had all its pods before and has
    none: a pod that is replaced or added an hour later is not late.
    """
    worked = own_work.worked_for(here.seen, now)
    if here.model.paused or target.shape is None or worked is None:
        return None
    if step := sizes.canary_progress(here):
        rest = sizes.pause_seconds(here.model.rollout.steps, step.step) or 0
        if math.isinf(rest):
            return None
        worked = min(worked, now - step.started_at - timedelta(seconds=rest))
    return worked - timedelta(seconds=here.model.rollout.progress_deadline)


def _refusal(here: Situation, target: Release, now: datetime) -> Problem | None:
    """Return why the Deployment was not created, or why it cannot create pods; None if nothing is refused.

    That there is no bento yet is no refusal, and for a moment after a build yatai-deployment still shows what it said
    before. A restarted operator takes an old build for a new one, so what the last status said is said on.
    """
    built, child = target.request.built_at if target.request else None, target.deployment
    if child and child.refusal:
        since, reason, advice = child.refused_at, Reason.DeploymentRefused, "change what the release requests"
        is_new = built is not None and now - built < PODS_POLL and not was_told(here, reason)
        if own_work.lacks_bento(child) or is_new:
            return None
        return _judged(reason, child.refusal, f"Remove the cause, or {advice}", since, now)
    if target.workload and target.workload.replica_failure:
        words, since = target.workload.replica_failure, target.workload.failing_since
        advice = refusal_advice(words.rstrip("."), _unwritten_amounts(target))
        return _judged(Reason.PodsRefused, words, advice, since, now)
    return None


def _unwritten_amounts(target: Release) -> list[str]:
    """Return the amounts of the release that the spec does not give: requests.cpu, limits.memory."""
    if target.shape is None:
        return []
    given = (("requests", dict(target.shape.requests)), ("limits", dict(target.shape.limits)))
    names = DEFAULT_RESOURCES[CURRENT_TEMPLATE_VERSION][target.shape.type]
    return [f"{part}.{name}" for part, amounts in given for name in names if name not in amounts]


def _judged(reason: Reason, words: str, advice: str, since: datetime | None, now: datetime) -> Problem:
    """Return the refusal as a problem. It is final if it is about the release itself and has lasted."""
    own = _OF_RELEASE.search(words) is not None
    lasted = since is not None and now - since >= REFUSAL_PATIENCE
    return Problem(
        reason=reason, message=f"{words.rstrip('.')}. {advice}", final=own and lasted, blameless=not own
    )
