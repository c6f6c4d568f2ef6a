"""Rules that create the objects of the target release and remove those that it supersedes."""

from __future__ import annotations

from datetime import datetime

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Shape, Strategy
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import (
    Action,
    ApplyDeployment,
    ApplyRequest,
    DeleteDeployment,
    DeleteRequest,
    Export,
)
from e2i.controller.core.observed import BentoRequest, Build
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.release import (
    Release,
    build_deadline,
    guarded_until,
    is_complete,
    pods_deadline,
    serving_release,
)
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.render import comparison
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION, DeploymentSpec, knows
from e2i.controller.core.rules.decision import (
    Plan,
    desired_release,
    target_release,
)


def reset_retried_release(here: Situation, now: datetime) -> Plan | None:
    """A retry starts from nothing: what could not be built or run is there still, and would fail at once."""
    wanted = desired_release(here)
    trial = naming.trial_of(here.model, wanted.release)
    earlier = (each for each in persisted_status.failures(here.model) if each.release == wanted.release)
    failed = next((each for each in earlier if each.trial != trial), None)
    if failed is None or serving_release(here.seen) == wanted.release:
        return None
    actions: list[Action] = []
    child, request = wanted.deployment, wanted.request
    if child and _is_spent(here.model, wanted, failed, now):
        actions.append(DeleteDeployment(child.name, child.uid, child.release))
    if request and request.created <= failed.failed_at:
        unused = (child is None or bool(actions)) and _may_be_read_again(here, wanted)
        if unused or _build_is_spent(here.model, request, now):
            actions.append(DeleteRequest(request.name, request.uid))
        if unused:
            # Not the result of an export a moment ago.
            actions.append(Export(here.model.reference))
    if not actions:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {wanted.release} of {wanted.tag} is made anew",
        actions=tuple(actions),
    )


_OF_PODS = (
    Reason.DeploymentRefused,
    Reason.PodsRefused,
    Reason.ImagePullFailed,
    Reason.ContainerConfigError,
    Reason.CrashLoop,
    Reason.PodsLost,
)


def _is_spent(model: Model, wanted: Release, failed: Failure, now: datetime) -> bool:
    """Whether its pods are those that failed, and can only fail again."""
    child, request = wanted.deployment, wanted.request
    if child is None or child.created > failed.failed_at or child.name == naming.inplace_name(model.name):
        return False
    if is_complete(wanted.workload, model.autoscaling):
        return False
    late = request is not None and now >= pods_deadline(model, request, child)
    return failed.reason in _OF_PODS or late


def _may_be_read_again(here: Situation, wanted: Release) -> bool:
    """Whether the store may be asked again for the content of the tag: only content that has served is kept.

    The bento may have been copied in part, and completed since the release failed.
    """
    served = (persisted_status.SERVING, persisted_status.SUPERSEDED)
    has_served = any(
        entry.digest == wanted.artifact.digest and entry.result in served
        for entry in persisted_status.history(here.model)
    )
    used = any(
        child.spec.get("bento") == wanted.request_name and child.release != wanted.release
        for child in here.seen.deployments
    )
    return not (here.model.archive or has_served or used)


def _build_is_spent(model: Model, request: BentoRequest, now: datetime) -> bool:
    if request.build is Build.DONE:
        return False
    return request.build is Build.FAILED or now >= build_deadline(model, request)


def create_release(here: Situation, now: datetime) -> Plan | None:
    """The request before the deployment: yatai-deployment never looks again at one without a bento."""
    chosen = target_release(here)
    if chosen.shape is None:
        return None
    actions: list[Action] = []
    if chosen.request is None or chosen.request.artifact is None:
        actions.append(ApplyRequest(chosen.artifact))
    if not _waits_for_image(here.model, chosen.request):
        actions += _deployment(here, chosen, chosen.shape, now)
    if not actions:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {chosen.release} of {chosen.tag} is being made",
        actions=tuple(actions),
    )


def _waits_for_image(model: Model, request: BentoRequest | None) -> bool:
    """The one deployment that is edited in place goes on serving while the image is built."""
    in_place = model.rollout.strategy is Strategy.IN_PLACE
    return in_place and (request is None or request.build is not Build.DONE)


def _deployment(here: Situation, chosen: Release, shape: Shape, now: datetime) -> list[ApplyDeployment]:
    there = chosen.deployment
    if there and there.template_version and not knows(there.template_version):
        return []
    spec = DeploymentSpec(
        release=chosen.release,
        name=chosen.name,
        artifact=chosen.artifact,
        shape=shape,
        size=size_of(here, chosen.release),
        template_version=(there.template_version if there else "") or CURRENT_TEMPLATE_VERSION,
        asked_at=now if here.model.rollout.strategy is Strategy.IN_PLACE else None,
    )
    if there and not comparison.deployment_differs(here.model, there, spec):
        return []
    return [ApplyDeployment(spec)]


def remove_superseded_releases(here: Situation, now: datetime) -> Plan | None:
    """Releases that the spec moved past before they ever served only take room.

    What served before the one that serves is kept as long as it is judged, or until the next is about to come.
    """
    chosen = target_release(here)
    serving = serving_release(here.seen)
    if serving == chosen.release:
        return None
    needed = {chosen.release, serving}
    until = guarded_until(here.model, here.seen)
    if until and now < until and not is_complete(chosen.workload, size_of(here, chosen.release)):
        needed |= set(persisted_status.proved(here.model))
    superseded = [child for child in here.seen.deployments if child.release not in needed]
    if not superseded:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {chosen.release} of {chosen.tag} is being made",
        actions=tuple(DeleteDeployment(child.name, child.uid, child.release) for child in superseded),
    )
