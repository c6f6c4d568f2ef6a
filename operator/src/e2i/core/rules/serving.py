"""Rules from the first pod of the desired release to the day it is at rest."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.core import drift
from e2i.core.actions import ApplyDeployment, ApplyService, DeleteDeployment, DeleteRequest
from e2i.core.conditions import Reason
from e2i.core.model import Model
from e2i.core.observed import Observed, Trouble
from e2i.core.release import Desired, is_complete, pods_deadline, serving_release
from e2i.core.rules.verdict import CLUSTER_POLL, PODS_POLL, Plan, progress, serves, the_desired

FIRST_ATTEMPT = timedelta(seconds=30)


def wake_parked_deployment(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """yatai-deployment never tries again by itself what it failed with; a changed annotation makes it."""
    wanted = the_desired(model, seen)
    trouble = _refusal(wanted, now)
    parked = wanted.deployment
    if trouble is None or parked is None or not parked.refusal or not parked.refused_at:
        return None
    last = max(parked.refused_at, parked.attempted_at or parked.refused_at)
    # 30 s, 60 s, 120 s, ... after the failure, so that a lasting cause is not hammered.
    due = last + max(FIRST_ATTEMPT, last - parked.refused_at)
    if now < due or is_complete(wanted.workload, model.autoscaling):
        return None
    return Plan(
        reason=trouble.reason,
        message=trouble.message,
        actions=(ApplyDeployment(wanted.artifact, wanted.release, parked.form, attempt=now),),
    )


def keep_serving_release_whole(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The address is where it should be; the number of pods is not, or not yet."""
    wanted = the_desired(model, seen)
    if serving_release(seen) != wanted.release or is_complete(wanted.workload, model.autoscaling):
        return None
    trouble = seen.pod_trouble or _refusal(wanted, now)
    if trouble:
        return Plan(
            reason=trouble.reason, message=trouble.message, stalled=trouble.stalled, look_again=PODS_POLL
        )
    return Plan(reason=Reason.Scaling, message=progress(model, wanted), look_again=PODS_POLL)


def wait_for_pods(model: Model, seen: Observed, now: datetime) -> Plan | None:
    wanted = the_desired(model, seen)
    if is_complete(wanted.workload, model.autoscaling) or not wanted.request or not wanted.deployment:
        return None
    left = pods_deadline(model, wanted.request, wanted.deployment) - now
    trouble = seen.pod_trouble or _refusal(wanted, now)
    if left <= timedelta(0):
        cause = f"{trouble.reason.name}: {trouble.message}" if trouble else progress(model, wanted)
        return Plan(
            reason=Reason.ProgressDeadlineExceeded,
            message=f"not ready after {model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds). {cause}",
            stalled=True,
            look_again=CLUSTER_POLL,
        )
    if trouble:
        return Plan(reason=trouble.reason, message=trouble.message, look_again=min(left, PODS_POLL))
    return Plan(reason=Reason.Deploying, message=progress(model, wanted), look_again=min(left, PODS_POLL))


def _refusal(wanted: Desired, now: datetime) -> Trouble | None:
    """What keeps the Deployment or its autoscaler from being made, or the Deployment from making pods.

    For a moment after a build yatai-deployment still says what it said before it.
    """
    built = wanted.request.built_at if wanted.request else None
    if wanted.deployment and wanted.deployment.refusal:
        if built and now - built < PODS_POLL:
            return None
        return Trouble(reason=Reason.DeploymentRefused, message=wanted.deployment.refusal)
    if wanted.workload and wanted.workload.failure:
        return Trouble(reason=Reason.PodsRefused, message=wanted.workload.failure)
    return None


def switch_service(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """One write moves the address; the pods behind it are all ready by then."""
    wanted = the_desired(model, seen)
    if not drift.of_service(model, wanted, seen.service):
        return None
    return Plan(
        reason=Reason.Switching,
        message=f"the address moves to release {wanted.release} of {model.tag}",
        actions=(ApplyService(wanted.release),),
    )


def retire_previous(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The previous release stays a while, for requests that are under way."""
    wanted = the_desired(model, seen)
    previous = [child for child in seen.deployments if child.release != wanted.release]
    if not previous:
        return None
    switched = seen.service.switched_at if seen.service else None
    left = (switched or now) + timedelta(seconds=model.rollout.scale_down_delay) - now
    if left > timedelta(0):
        return Plan(reason=Reason.Ready, message=serves(model, wanted), look_again=left)
    return Plan(
        reason=Reason.Ready,
        message=serves(model, wanted),
        actions=tuple(DeleteDeployment(child.name, child.uid, child.release) for child in previous),
    )


def trim_images(model: Model, seen: Observed, now: datetime) -> Plan | None:
    wanted = the_desired(model, seen)
    earlier = sorted(
        (request for request in seen.requests if request.name != wanted.request_name),
        key=lambda request: (request.created, request.name),
        reverse=True,
    )
    surplus = earlier[model.rollout.history :]
    if not surplus:
        return None
    return Plan(
        reason=Reason.Ready,
        message=serves(model, wanted),
        actions=tuple(DeleteRequest(request.name, request.uid) for request in surplus),
    )


def rest(model: Model, seen: Observed, now: datetime) -> Plan | None:
    return Plan(reason=Reason.Ready, message=serves(model, the_desired(model, seen)))
