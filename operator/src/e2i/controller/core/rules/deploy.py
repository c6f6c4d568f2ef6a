"""Rules that create the objects of the target release and remove those that it supersedes."""

from __future__ import annotations

from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Shape, Strategy
from e2i.api.pod_annotations import policy_annotations
from e2i.controller.core import earlier_env, persisted_status
from e2i.controller.core.actions import (
    Action,
    ApplyDeployment,
    ApplyRequest,
    DeleteDeployment,
    DeleteRequest,
    Export,
)
from e2i.controller.core.children import BentoRequest, Build
from e2i.controller.core.own_bento import Bento
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.failure_kinds import BUILD_FAILURES, POD_FAILURES
from e2i.controller.core.releases.lost import lost_release
from e2i.controller.core.releases.release import (
    Release,
    guarded_until,
    is_complete,
    serving_release,
)
from e2i.controller.core.releases.situation import Situation, desired_release, target_release, targets_desired
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.render import comparison, pod_template
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION, DeploymentSpec, knows


def reset_retried_release(here: Situation, now: datetime) -> Plan | None:
    """Delete pods and builds of the failed trial before a retry: they would fail again at once."""
    desired = desired_release(here)
    trial = trial_of(here.model, desired.release)
    earlier = (each for each in persisted_status.failures(here.model) if each.release == desired.release)
    failed = next((each for each in earlier if each.trial != trial), None)
    if failed is None or serving_release(here.seen) == desired.release:
        return None
    actions: list[Action] = []
    child, request = desired.deployment, desired.request
    if child and _is_spent(here.model, desired, failed):
        actions.append(DeleteDeployment(child.name, child.uid, child.release))
    if request and request.uid == failed.request_uid:
        unused = (child is None or bool(actions)) and _may_be_read_again(here, desired)
        if unused or _build_is_spent(request, failed):
            actions.append(DeleteRequest(request.name, request.uid, type(request).__name__))
        if unused:
            # Not the result of an export a moment ago.
            actions.append(Export(here.model.reference))
    if not actions:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {desired.release} of {desired.tag} is created again",
        actions=tuple(actions),
    )


def _is_spent(model: Model, desired: Release, failed: Failure) -> bool:
    """Return whether its pods are those of the failed trial and can only fail again."""
    child = desired.deployment
    if child is None or child.uid != failed.deployment_uid or child.name == naming.inplace_name(model.name):
        return False
    return failed.reason in (*BUILD_FAILURES, *POD_FAILURES) and not is_complete(
        desired.workload, model.autoscaling
    )


def _may_be_read_again(here: Situation, desired: Release) -> bool:
    """Return whether the store may be read again for the tag: only content that has served must stay.

    The bento may have been copied in part, and completed since the release failed. An image is what it was.
    """
    served = (persisted_status.SERVING, persisted_status.SUPERSEDED)
    has_served = any(
        entry.digest == desired.artifact.digest and entry.result in served
        for entry in persisted_status.history(here.model)
    )
    used = any(
        child.spec.get("bento") == desired.request_name and child.release != desired.release
        for child in here.seen.deployments
    )
    return not (here.model.archive or here.model.image or has_served or used)


def _build_is_spent(request: BentoRequest, failed: Failure) -> bool:
    """Return whether the build has failed or took too long."""
    if request.build is Build.DONE:
        return False
    return request.build is Build.FAILED or failed.reason is Reason.BuildDeadlineExceeded


def _builds_something_else(request: BentoRequest) -> bool:
    """Return whether the builder has another address than the operator wrote. What is built stays as it is.

    A Bento with another image is written again: Yatai runs what it says.
    """
    return request.is_altered and (request.build is not Build.DONE or isinstance(request, Bento))


def create_release(here: Situation, now: datetime) -> Plan | None:
    """Create or update the BentoRequest and the BentoDeployment of the target release. A parked model gets the image.

    The request comes first: yatai-deployment never retries a deployment without a bento."""
    target = target_release(here)
    actions = _creation(here, target, now)
    if not actions:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {target.release} of {target.tag} is being made",
        actions=tuple(actions),
    )


def restore_serving_release(here: Situation, now: datetime) -> Plan | None:
    """Create the serving release again if somebody deleted its BentoDeployment, whatever the spec asks for."""
    lost = None if here.seen.missing_kinds or here.model.is_parked else lost_release(here)
    actions = _creation(here, lost, now) if lost else []
    if lost is None or not actions:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {lost.release} of {lost.tag} serves and is made again",
        actions=tuple(actions),
    )


def _creation(here: Situation, made: Release, now: datetime) -> list[Action]:
    if made.shape is None:
        return []
    actions: list[Action] = []
    if made.request is None or _is_damaged(made.request) or _builds_something_else(made.request):
        actions.append(ApplyRequest(made.artifact))
    if not here.model.is_parked and not _waits_for_image(here.model, made.request):
        actions += _deployment(here, made, made.shape, now)
    return actions


def _is_damaged(request: BentoRequest) -> bool:
    """Return whether its annotations or labels have to be written again.

    Labels only after the build: a write of labels starts it again."""
    return request.artifact is None or (not request.labelled and request.build is Build.DONE)


def _waits_for_image(model: Model, request: BentoRequest | None) -> bool:
    """Return whether the edit has to wait: a deployment that is edited in place serves while the image is built."""
    in_place = model.rollout.strategy is Strategy.IN_PLACE
    return in_place and (request is None or request.build is not Build.DONE)


def _deployment(here: Situation, target: Release, shape: Shape, now: datetime) -> list[ApplyDeployment]:
    there = target.deployment
    if there and there.template_version and not knows(there.template_version):
        return []
    spec = DeploymentSpec(
        release=target.release,
        name=target.name,
        artifact=target.artifact,
        shape=shape,
        size=size_of(here, target.release),
        template_version=(there.template_version if there else "") or CURRENT_TEMPLATE_VERSION,
        asked_at=now if here.model.rollout.strategy is Strategy.IN_PLACE else None,
        earlier_env=_earlier_env(here, target),
        patched=there.patched if there else _is_to_be_patched(here, target, shape),
    )
    if there and not comparison.deployment_differs(here.model, there, spec):
        return []
    return [ApplyDeployment(spec)]


def _is_to_be_patched(here: Situation, target: Release, shape: Shape) -> bool:
    prefix = target.artifact.path_prefix
    if not (here.seen.lacks_pod_policy and here.seen.may_patch and policy_annotations(shape.pod, prefix)):
        return False
    return not pod_template.unheld(shape, prefix, here.model.rollout)


def _earlier_env(here: Situation, target: Release) -> earlier_env.Env:
    """Return the environment to go back to after an edit in place: that of the last release that served well."""
    edited = next((child for child in here.seen.deployments if child.name == target.name), None)
    if here.model.rollout.strategy is not Strategy.IN_PLACE or edited is None:
        return ()
    is_proved = edited.release in persisted_status.proved(here.model)
    if target.release == edited.release or not targets_desired(here) or not is_proved:
        return edited.earlier_env
    return earlier_env.of_spec(edited.spec)


def remove_superseded_releases(here: Situation, now: datetime) -> Plan | None:
    """Delete releases that the spec no longer asks for and that never served: they only take room.

    The predecessor of the serving release is kept while that one is judged, or until the next release is ready.
    """
    target = target_release(here)
    serving = serving_release(here.seen)
    if serving == target.release:
        return None
    needed = {target.release, serving, here.comeback}
    until = guarded_until(here.model, here.seen)
    if until and now < until and not is_complete(target.workload, size_of(here, target.release)):
        needed |= set(persisted_status.proved(here.model))
    superseded = [child for child in here.seen.deployments if child.release not in needed]
    if not superseded:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {target.release} of {target.tag} is being made",
        actions=tuple(DeleteDeployment(child.name, child.uid, child.release) for child in superseded),
    )
