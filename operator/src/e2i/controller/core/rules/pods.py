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
from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.release import Release, is_complete, pods_deadline, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION, DeploymentSpec, knows
from e2i.controller.core.rules.decision import (
    CLUSTER_POLL,
    PODS_POLL,
    Plan,
    pods_poll,
    ready_pods_message,
    target_release,
)

_NO_BENTO = re.compile(r"\b(Bento|BentoRequest|bentoe?s|bentorequests)\b.*not found", re.IGNORECASE)

FIRST_ATTEMPT = timedelta(seconds=30)
REFUSAL_PATIENCE = timedelta(seconds=60)
"""Until a refusal is final: a quota may be freed, an admission webhook may be down for a moment."""


def retry_refused_deployment(here: Situation, now: datetime) -> Plan | None:
    """Make yatai-deployment retry a failed deployment by a changed annotation. It never retries by itself."""
    target = target_release(here)
    problem = _refusal(target, now)
    parked = target.deployment
    if problem is None or parked is None or not parked.refused_at or target.shape is None:
        return None
    template_version = parked.template_version or CURRENT_TEMPLATE_VERSION
    last = max(parked.refused_at, parked.attempted_at or parked.refused_at)
    # 30 s, 60 s, 120 s, ... after the failure, so that a lasting cause costs few tries.
    due = last + max(FIRST_ATTEMPT, last - parked.refused_at)
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
    )
    return Plan(reason=problem.reason, message=problem.message, actions=(ApplyDeployment(spec),))


def wait_for_serving_pods(here: Situation, now: datetime) -> Plan | None:
    """Wait for the missing pods of a target that already has the address."""
    target = target_release(here)
    if serving_release(here.seen) != target.release or is_complete(target.workload, here.model.autoscaling):
        return None
    problem = here.seen.pod_problem or _refusal(target, now)
    if problem:
        return Plan(
            reason=problem.reason,
            message=problem.message,
            log=problem.log,
            stalled=problem.stalled,
            look_again=PODS_POLL,
        )
    return Plan(reason=Reason.Scaling, message=ready_pods_message(here, target), look_again=pods_poll(here))


def wait_for_pods(here: Situation, now: datetime) -> Plan | None:
    """Wait for the pods of the target until the deadline; late pods are the release's failure."""
    target = target_release(here)
    if is_complete(target.workload, size_of(here, target.release)):
        return None
    problem = here.seen.pod_problem or _refusal(target, now)
    late = _lateness(here, target, now)
    blamed = problem is None or not problem.blameless
    if late is not None and late >= timedelta(0) and blamed:
        cause = f"{problem.reason.name}: {problem.message}" if problem else ready_pods_message(here, target)
        return Plan(
            reason=Reason.ProgressDeadlineExceeded,
            message=f"not ready after {here.model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds). {cause}",
            log=problem.log if problem else "",
            stalled=True,
            failed=True,
            look_again=CLUSTER_POLL,
        )
    poll = pods_poll(here)
    wait = poll if late is None or late >= timedelta(0) else min(-late, poll)
    if problem:
        plan = Plan(reason=problem.reason, message=problem.message, log=problem.log, look_again=wait)
        return replace(plan, stalled=problem.final, failed=problem.final)
    return Plan(reason=Reason.Deploying, message=ready_pods_message(here, target), look_again=wait)


def _lateness(here: Situation, target: Release, now: datetime) -> timedelta | None:
    """Return how long the release is past its deadline, negative before it; None if it has no deadline.

    Each step of a canary has its own deadline. A canary that waits for a promotion had all its pods before and has
    none: a pod that is replaced or added an hour later is not late.
    """
    if here.model.paused or target.shape is None or target.request is None or target.deployment is None:
        return None
    deadline = pods_deadline(here.model, target.request, target.deployment)
    if step := sizes.canary_progress(here):
        rest = sizes.pause_seconds(here.model.rollout.steps, step.step) or 0
        if math.isinf(rest):
            return None
        deadline = max(
            deadline, step.started_at + timedelta(seconds=rest + here.model.rollout.progress_deadline)
        )
    return now - deadline


def _refusal(target: Release, now: datetime) -> Problem | None:
    """Return why the Deployment was not created, or why the Deployment cannot create pods; None if nothing is refused.

    For a moment after a build, yatai-deployment still shows its message from before the build.
    """
    built = target.request.built_at if target.request else None
    if target.deployment and target.deployment.refusal:
        # It says from before the build that it has no bento; it may not have checked since.
        waits = _NO_BENTO.search(target.deployment.refusal) is not None
        if built and now - built < (FIRST_ATTEMPT if waits else PODS_POLL):
            return None
        final = not waits and _has_lasted(target.deployment.refused_at, built, now)
        words = target.deployment.refusal.rstrip(".")
        message = f"{words}. Remove the cause, or change what the release requests"
        return Problem(reason=Reason.DeploymentRefused, message=message, final=final)
    if target.workload and target.workload.failure:
        final = _has_lasted(target.workload.failing_since, built, now)
        words = target.workload.failure.rstrip(".")
        return Problem(reason=Reason.PodsRefused, message=f"{words}. {refusal_advice(words)}", final=final)
    return None


def _has_lasted(since: datetime | None, built: datetime | None, now: datetime) -> bool:
    """Return whether the refusal is final. Counted from the built image: before that no Deployment is possible."""
    return since is not None and now - max(since, built or since) >= REFUSAL_PATIENCE
