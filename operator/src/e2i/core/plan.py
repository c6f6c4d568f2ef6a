"""What to do next: an ordered table of rules, each of them one situation. Pure.

The order of RULES is the priority: the first rule that recognises its situation decides the pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from e2i.core import drift, naming, tags
from e2i.core.actions import (
    Action,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteDeployment,
    DeleteRequest,
    Export,
)
from e2i.core.conditions import Reason
from e2i.core.model import Model
from e2i.core.observed import Build, Exporting, Observed, Trouble
from e2i.core.release import (
    Desired,
    artifact_of,
    build_deadline,
    desired,
    is_complete,
    pods_deadline,
    ready_pods,
    serving_release,
)

CURRENT_FORM = "v1"
"""The form that new releases are made in: the folder of templates."""

PODS_POLL = timedelta(seconds=5)
"""Pods are not watched: while a release is not ready they are looked at this often for what holds them up."""
STORE_POLL = timedelta(seconds=15)
"""Neither the bento store nor the bucket can wake us."""
CLUSTER_POLL = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A rule's verdict: why, in one word and one sentence, what to do, and when to look again unasked."""

    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    stalled: bool = False
    look_again: timedelta | None = None


Rule = Callable[[Model, Observed, datetime], Plan | None]


def plan(model: Model, seen: Observed, now: datetime) -> Plan:
    """The first rule's verdict; the last rule always has one."""
    return next(verdict for rule in RULES if (verdict := rule(model, seen, now)))


def leave_deleted_model(model: Model, seen: Observed, now: datetime) -> Plan | None:
    if not model.deleting:
        return None
    return Plan(reason=Reason.Deleting, message="Kubernetes removes the children with the model")


def hold_while_suspended(model: Model, seen: Observed, now: datetime) -> Plan | None:
    if not model.suspended:
        return None
    return Plan(
        reason=Reason.Suspended,
        message="spec.suspend is true: what serves goes on, nothing is changed until it is false",
    )


def wait_for_yatai(model: Model, seen: Observed, now: datetime) -> Plan | None:
    if not seen.missing_kinds:
        return None
    kinds = ", ".join(sorted(seen.missing_kinds))
    return Plan(
        reason=Reason.YataiNotInstalled,
        message=f"the cluster does not serve {kinds}: install yatai-deployment and yatai-image-builder",
        stalled=True,
        look_again=CLUSTER_POLL,
    )


def refuse_tag(model: Model, seen: Observed, now: datetime) -> Plan | None:
    try:
        tags.parse_tag(model.tag)
    except tags.TagRefused as refusal:
        return Plan(reason=Reason.TagRefused, message=refusal.message, stalled=True)
    return None


def export_bento(model: Model, seen: Observed, now: datetime) -> Plan | None:
    if artifact_of(model, seen):
        return None
    if isinstance(seen.export, Exporting):
        return Plan(reason=Reason.Exporting, message=f"{model.tag} is being exported to the bucket")
    if isinstance(seen.export, Trouble):
        trouble = seen.export
        return Plan(
            reason=trouble.reason, message=trouble.message, stalled=trouble.stalled, look_again=STORE_POLL
        )
    return Plan(
        reason=Reason.Exporting,
        message=f"{model.tag} is being exported to the bucket",
        actions=(Export(model.tag),),
    )


def refuse_taken_names(model: Model, seen: Observed, now: datetime) -> Plan | None:
    taken = [f"{kind} {name}" for kind, name in sorted(seen.foreign)]
    if not taken:
        return None
    return Plan(
        reason=Reason.NameTaken,
        message=f"{', '.join(taken)} in {model.namespace} belongs to somebody else and is left as it is: "
        "remove or rename it, or give the model another name",
        stalled=True,
        look_again=CLUSTER_POLL,
    )


def wait_for_leftovers(model: Model, seen: Observed, now: datetime) -> Plan | None:
    if not seen.leftovers:
        return None
    names = ", ".join(f"{kind} {name}" for kind, name in sorted(seen.leftovers))
    return Plan(
        reason=Reason.Pending,
        message=f"{names} of a deleted model of the same name is still being removed",
        look_again=CLUSTER_POLL,
    )


def realise_release(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The request before the deployment: yatai-deployment never looks again at one without a bento."""
    wanted = _desired(model, seen)
    actions: list[Action] = []
    if wanted.request is None:
        actions.append(ApplyRequest(wanted.artifact))
    if drift.of_deployment(model, wanted, CURRENT_FORM):
        form = wanted.deployment.form if wanted.deployment else CURRENT_FORM
        actions.append(ApplyDeployment(wanted.artifact, wanted.release, form))
    if not actions:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {wanted.release} of {model.tag} is being made",
        actions=tuple(actions),
    )


def remove_superseded(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """Releases that the spec moved past before they ever served only take room."""
    wanted = _desired(model, seen)
    serving = serving_release(seen)
    if serving == wanted.release:
        return None
    superseded = [child for child in seen.deployments if child.release not in (wanted.release, serving)]
    if not superseded:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {wanted.release} of {model.tag} is being made",
        actions=tuple(DeleteDeployment(child.name, child.uid, child.release) for child in superseded),
    )


def report_failed_build(model: Model, seen: Observed, now: datetime) -> Plan | None:
    request = _desired(model, seen).request
    if request is None or request.build is not Build.FAILED:
        return None
    return Plan(
        reason=Reason.BuildFailed,
        message=f"the image of {model.tag} was not built: {request.message} Its log: kubectl logs -n "
        f"{model.namespace} -l yatai.ai/bento-request={request.name} --all-containers. Build the bento anew "
        f"under another version, or delete BentoRequest {request.name} to try the same again",
        stalled=True,
    )


def wait_for_build(model: Model, seen: Observed, now: datetime) -> Plan | None:
    request = _desired(model, seen).request
    if request is None or request.build is Build.DONE:
        return None
    left = build_deadline(model, request) - now
    trouble = seen.pod_trouble
    if left <= timedelta(0):
        cause = trouble.message if trouble else request.message
        return Plan(
            reason=Reason.BuildDeadlineExceeded,
            message=f"no image of {model.tag} after {model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds): {cause}",
            stalled=True,
            look_again=CLUSTER_POLL,
        )
    if trouble:
        return Plan(reason=trouble.reason, message=trouble.message, look_again=min(left, PODS_POLL))
    return Plan(
        reason=Reason.Building,
        message=f"Yatai builds the image of {model.tag} (BentoRequest {request.name})",
        look_again=min(left, PODS_POLL),
    )


def keep_serving_release_whole(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The address is where it should be; the number of pods is not, or not yet."""
    wanted = _desired(model, seen)
    if serving_release(seen) != wanted.release or is_complete(wanted.workload, model.autoscaling):
        return None
    trouble = seen.pod_trouble
    if trouble:
        return Plan(
            reason=trouble.reason, message=trouble.message, stalled=trouble.stalled, look_again=PODS_POLL
        )
    return Plan(reason=Reason.Scaling, message=_progress(model, wanted), look_again=PODS_POLL)


def wait_for_pods(model: Model, seen: Observed, now: datetime) -> Plan | None:
    wanted = _desired(model, seen)
    if is_complete(wanted.workload, model.autoscaling) or not wanted.request or not wanted.deployment:
        return None
    left = pods_deadline(model, wanted.request, wanted.deployment) - now
    trouble = seen.pod_trouble or _refusal(wanted, now)
    if left <= timedelta(0):
        cause = f"{trouble.reason.name}: {trouble.message}" if trouble else _progress(model, wanted)
        return Plan(
            reason=Reason.ProgressDeadlineExceeded,
            message=f"not ready after {model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds). {cause}",
            stalled=True,
            look_again=CLUSTER_POLL,
        )
    if trouble:
        return Plan(reason=trouble.reason, message=trouble.message, look_again=min(left, PODS_POLL))
    return Plan(reason=Reason.Deploying, message=_progress(model, wanted), look_again=min(left, PODS_POLL))


def switch_service(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """One write moves the address; the pods behind it are all ready by then."""
    wanted = _desired(model, seen)
    if not drift.of_service(model, wanted, seen.service):
        return None
    return Plan(
        reason=Reason.Switching,
        message=f"the address moves to release {wanted.release} of {model.tag}",
        actions=(ApplyService(wanted.release),),
    )


def retire_previous(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The previous release stays a while, for requests that are under way."""
    wanted = _desired(model, seen)
    previous = [child for child in seen.deployments if child.release != wanted.release]
    if not previous:
        return None
    switched = seen.service.switched_at if seen.service else None
    left = (switched or now) + timedelta(seconds=model.rollout.scale_down_delay) - now
    if left > timedelta(0):
        return Plan(reason=Reason.Ready, message=_serves(model, wanted), look_again=left)
    return Plan(
        reason=Reason.Ready,
        message=_serves(model, wanted),
        actions=tuple(DeleteDeployment(child.name, child.uid, child.release) for child in previous),
    )


def trim_images(model: Model, seen: Observed, now: datetime) -> Plan | None:
    wanted = _desired(model, seen)
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
        message=_serves(model, wanted),
        actions=tuple(DeleteRequest(request.name, request.uid) for request in surplus),
    )


def rest(model: Model, seen: Observed, now: datetime) -> Plan | None:
    return Plan(reason=Reason.Ready, message=_serves(model, _desired(model, seen)))


RULES: tuple[Rule, ...] = (
    leave_deleted_model,
    hold_while_suspended,
    wait_for_yatai,
    refuse_tag,
    refuse_taken_names,
    export_bento,
    # From here on the bento is exported, so the desired release is known.
    wait_for_leftovers,
    realise_release,
    remove_superseded,
    report_failed_build,
    wait_for_build,
    keep_serving_release_whole,
    wait_for_pods,
    switch_service,
    # From here on the desired release serves with all its pods.
    retire_previous,
    trim_images,
    rest,
)


def _desired(model: Model, seen: Observed) -> Desired:
    wanted = desired(model, seen)
    if wanted is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return wanted


def _refusal(wanted: Desired, now: datetime) -> Trouble | None:
    """What keeps the Deployment from being made, or from making pods.

    For a moment after a build yatai-deployment still says what it said before it.
    """
    built = wanted.request.built_at if wanted.request else None
    if wanted.workload is None and wanted.deployment and wanted.deployment.refusal:
        if built and now - built < PODS_POLL:
            return None
        return Trouble(reason=Reason.DeploymentRefused, message=wanted.deployment.refusal)
    if wanted.workload and wanted.workload.failure:
        return Trouble(reason=Reason.PodsRefused, message=wanted.workload.failure)
    return None


def _progress(model: Model, wanted: Desired) -> str:
    return (
        f"{ready_pods(wanted.workload)} of {model.autoscaling.minimum} pods of release {wanted.release} "
        f"({model.tag}) are ready"
    )


def _serves(model: Model, wanted: Desired) -> str:
    return f"release {wanted.release} of {model.tag} serves at {naming.service_url(model)}"
