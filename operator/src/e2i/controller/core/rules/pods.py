"""Rules for the pods of the release that is to serve."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.actions import ApplyDeployment, Resize
from e2i.controller.core.releases import sizes
from e2i.controller.core.releases.release import Release, is_complete, pods_deadline, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.render import comparison
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION, DeploymentSpec, knows
from e2i.controller.core.rules.decision import (
    CLUSTER_POLL,
    PODS_POLL,
    Plan,
    ready_pods_message,
    target_release,
)

_NO_BENTO = re.compile(r"\b(Bento|BentoRequest|bentoe?s|bentorequests)\b.*not found", re.IGNORECASE)

FIRST_ATTEMPT = timedelta(seconds=30)
REFUSAL_PATIENCE = timedelta(seconds=60)
"""A quota may be freed, an admission rule may be down for a moment: the second refusal is final."""


def retry_refused_deployment(here: Situation, now: datetime) -> Plan | None:
    """yatai-deployment never tries again by itself what it failed with; a changed annotation makes it."""
    chosen = target_release(here)
    problem = _refusal(chosen, now)
    parked = chosen.deployment
    if problem is None or parked is None or not parked.refused_at or chosen.shape is None:
        return None
    template_version = parked.template_version or CURRENT_TEMPLATE_VERSION
    last = max(parked.refused_at, parked.attempted_at or parked.refused_at)
    # 30 s, 60 s, 120 s, ... after the failure, so that a lasting cause is not hammered.
    due = last + max(FIRST_ATTEMPT, last - parked.refused_at)
    size = size_of(here, chosen.release)
    if now < due or is_complete(chosen.workload, size) or not knows(template_version):
        return None
    spec = DeploymentSpec(
        release=chosen.release,
        name=chosen.name,
        artifact=chosen.artifact,
        shape=chosen.shape,
        size=size,
        template_version=template_version,
        attempt=now,
        asked_at=parked.asked_at,
    )
    return Plan(reason=problem.reason, message=problem.message, actions=(ApplyDeployment(spec),))


def resize_releases(here: Situation, now: datetime) -> Plan | None:
    """The number of pods is the one thing of a release that may be edited: Yatai then writes only its autoscaler."""
    chosen = target_release(here)
    concerned = dict.fromkeys((chosen.release, serving_release(here.seen)))
    children = [child for release in concerned if (child := here.seen.deployment(release))]
    wrong = [child for child in children if comparison.size_differs(child, size_of(here, child.release))]
    if not wrong:
        return None
    return Plan(
        reason=Reason.Scaling,
        message=ready_pods_message(here, chosen),
        actions=tuple(Resize(child.name, size_of(here, child.release)) for child in wrong),
    )


def wait_for_serving_pods(here: Situation, now: datetime) -> Plan | None:
    """The address is where it should be; the number of pods is not, or not yet."""
    chosen = target_release(here)
    if serving_release(here.seen) != chosen.release or is_complete(chosen.workload, here.model.autoscaling):
        return None
    problem = here.seen.pod_problem or _refusal(chosen, now)
    if problem:
        return Plan(
            reason=problem.reason, message=problem.message, stalled=problem.stalled, look_again=PODS_POLL
        )
    return Plan(reason=Reason.Scaling, message=ready_pods_message(here, chosen), look_again=PODS_POLL)


def wait_for_pods(here: Situation, now: datetime) -> Plan | None:
    chosen = target_release(here)
    if is_complete(chosen.workload, size_of(here, chosen.release)):
        return None
    problem = here.seen.pod_problem or _refusal(chosen, now)
    late = _lateness(here, chosen, now)
    if late is not None and late >= timedelta(0):
        cause = f"{problem.reason.name}: {problem.message}" if problem else ready_pods_message(here, chosen)
        return Plan(
            reason=Reason.ProgressDeadlineExceeded,
            message=f"not ready after {here.model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds). {cause}",
            stalled=True,
            failed=True,
            look_again=CLUSTER_POLL,
        )
    wait = PODS_POLL if late is None else min(-late, PODS_POLL)
    if problem:
        plan = Plan(reason=problem.reason, message=problem.message, look_again=wait)
        return replace(plan, stalled=problem.final, failed=problem.final)
    return Plan(reason=Reason.Deploying, message=ready_pods_message(here, chosen), look_again=wait)


def _lateness(here: Situation, chosen: Release, now: datetime) -> timedelta | None:
    """How long past its deadline the release is, negative before it; None: it has proved itself, and has none.

    Each step of a canary has the same time anew. One that rests was whole when it began to: a pod that is replaced
    an hour later, or is one of more that were asked for, is not late.
    """
    if here.model.paused or chosen.shape is None or chosen.request is None or chosen.deployment is None:
        return None
    deadline = pods_deadline(here.model, chosen.request, chosen.deployment)
    if step := sizes.canary_progress(here):
        rest = sizes.pause_seconds(here.model.rollout.steps, step.step) or 0
        if math.isinf(rest):
            return None
        deadline = max(
            deadline, step.started_at + timedelta(seconds=rest + here.model.rollout.progress_deadline)
        )
    return now - deadline


def _refusal(chosen: Release, now: datetime) -> Problem | None:
    """What keeps the Deployment or its autoscaler from being made, or the Deployment from making pods.

    For a moment after a build yatai-deployment still says what it said before it.
    """
    built = chosen.request.built_at if chosen.request else None
    if chosen.deployment and chosen.deployment.refusal:
        # That it has no bento is what it said before the build; it may not have looked since.
        waits = _NO_BENTO.search(chosen.deployment.refusal) is not None
        if built and now - built < (FIRST_ATTEMPT if waits else PODS_POLL):
            return None
        final = not waits and _has_lasted(chosen.deployment.refused_at, built, now)
        words = chosen.deployment.refusal.rstrip(".")
        message = f"{words}. Change what stands in the way, or what the release asks for"
        return Problem(reason=Reason.DeploymentRefused, message=message, final=final)
    if chosen.workload and chosen.workload.failure:
        final = _has_lasted(chosen.workload.failing_since, built, now)
        message = f"{chosen.workload.failure.rstrip('.')}. Make room, or ask for less in spec.resources"
        return Problem(reason=Reason.PodsRefused, message=message, final=final)
    return None


def _has_lasted(since: datetime | None, built: datetime | None, now: datetime) -> bool:
    """Counted from the image on: before it there is nothing that could be made."""
    return since is not None and now - max(since, built or since) >= REFUSAL_PATIENCE
