"""Rules from a tag to an image and to the objects of the release that is to serve."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model, Rollback, Shape, Strategy
from e2i.api.problem import Problem
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import (
    Action,
    ApplyDeployment,
    ApplyRequest,
    DeleteDeployment,
    DeleteRequest,
    Export,
    ReadLedger,
)
from e2i.controller.core.observed import BentoRequest, Build, Exporting, Observed
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases.quarantine import needs_ledger
from e2i.controller.core.releases.release import (
    Release,
    artifact_of,
    build_deadline,
    guarded_until,
    is_complete,
    pods_deadline,
    serving_release,
)
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.render import comparison
from e2i.controller.core.render.manifests import CURRENT_FORM, DeploymentSpec, knows
from e2i.controller.core.rules.decision import (
    CLUSTER_POLL,
    PODS_POLL,
    STORE_POLL,
    Plan,
    desired_release,
    target_release,
)


def read_ledger(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """A cluster that remembers nothing of the model asks the bucket, which outlives it."""
    if isinstance(seen.ledger, Problem) and artifact_of(model, seen) is None:
        trouble = seen.ledger
        return Plan(
            reason=trouble.reason, message=trouble.message, stalled=trouble.stalled, look_again=STORE_POLL
        )
    if not needs_ledger(model, seen):
        return None
    return Plan(
        reason=Reason.Pending,
        message="the bucket is asked for the model's earlier releases",
        actions=(ReadLedger(),),
    )


def export_bento(model: Model, seen: Observed, now: datetime) -> Plan | None:
    if artifact_of(model, seen):
        return None
    if isinstance(seen.export, Exporting):
        return Plan(reason=Reason.Exporting, message=f"{model.tag} is being exported to the bucket")
    if isinstance(seen.export, Problem):
        trouble = seen.export
        return Plan(
            reason=trouble.reason, message=trouble.message, stalled=trouble.stalled, look_again=STORE_POLL
        )
    return Plan(
        reason=Reason.Exporting,
        message=f"{model.tag} is being exported to the bucket",
        actions=(Export(model.reference),),
    )


def reset_retried_release(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """A retry starts from nothing: what could not be built or run is there still, and would fail at once."""
    wanted = desired_release(model, seen)
    trial = naming.trial_of(model, wanted.release)
    earlier = (each for each in persisted_status.failures(model) if each.release == wanted.release)
    failed = next((each for each in earlier if each.trial != trial), None)
    if failed is None or serving_release(seen) == wanted.release:
        return None
    actions: list[Action] = []
    if (child := wanted.deployment) and _is_spent(model, wanted, failed, now):
        actions.append(DeleteDeployment(child.name, child.uid, child.release))
    request = wanted.request
    if request and request.created <= failed.failed_at and _build_is_spent(model, request, now):
        actions.append(DeleteRequest(request.name, request.uid))
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


def _build_is_spent(model: Model, request: BentoRequest, now: datetime) -> bool:
    if request.build is Build.DONE:
        return False
    return request.build is Build.FAILED or now >= build_deadline(model, request)


def create_release(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The request before the deployment: yatai-deployment never looks again at one without a bento."""
    chosen = target_release(model, seen)
    if chosen.shape is None:
        return None
    actions: list[Action] = []
    if chosen.request is None or chosen.request.artifact is None:
        actions.append(ApplyRequest(chosen.artifact))
    if not _waits_for_image(model, chosen.request):
        actions += _deployment(model, seen, chosen, chosen.shape, now)
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


def _deployment(
    model: Model, seen: Observed, chosen: Release, shape: Shape, now: datetime
) -> list[ApplyDeployment]:
    there = chosen.deployment
    if there and there.form and not knows(there.form):
        return []
    recipe = DeploymentSpec(
        release=chosen.release,
        name=chosen.name,
        artifact=chosen.artifact,
        shape=shape,
        size=size_of(model, seen, chosen.release),
        form=(there.form if there else "") or CURRENT_FORM,
        asked_at=now if model.rollout.strategy is Strategy.IN_PLACE else None,
    )
    if there and not comparison.of_deployment(model, there, recipe):
        return []
    return [ApplyDeployment(recipe)]


def remove_superseded(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """Releases that the spec moved past before they ever served only take room.

    What served before the one that serves is kept as long as it is judged, or until the next is about to come.
    """
    chosen = target_release(model, seen)
    serving = serving_release(seen)
    if serving == chosen.release:
        return None
    needed = {chosen.release, serving}
    until = guarded_until(model, seen)
    if until and now < until and not is_complete(chosen.workload, size_of(model, seen, chosen.release)):
        needed |= set(persisted_status.proved(model))
    superseded = [child for child in seen.deployments if child.release not in needed]
    if not superseded:
        return None
    return Plan(
        reason=Reason.Deploying,
        message=f"release {chosen.release} of {chosen.tag} is being made",
        actions=tuple(DeleteDeployment(child.name, child.uid, child.release) for child in superseded),
    )


def _awaited(chosen: Release, seen: Observed) -> BentoRequest | None:
    """The request whose image the release waits for; one that serves has its image, whatever became of the request."""
    serves = serving_release(seen) == chosen.release
    return None if chosen.shape is None or serves else chosen.request


def report_failed_build(model: Model, seen: Observed, now: datetime) -> Plan | None:
    chosen = target_release(model, seen)
    request = _awaited(chosen, seen)
    if request is None or request.build is not Build.FAILED:
        return None
    again = f", or delete BentoRequest {request.name} to try the same again"
    # Where releases are given up, what the status says of that names the way to try again.
    again = again if model.rollout.rollback is Rollback.DISABLED else ""
    return Plan(
        reason=Reason.BuildFailed,
        message=f"the image of {chosen.tag} was not built: {request.message} Its log: kubectl logs -n "
        f"{model.namespace} -l yatai.ai/bento-request={request.name} --all-containers. Build the bento anew "
        f"under another version{again}",
        stalled=True,
        failed=True,
    )


def wait_for_build(model: Model, seen: Observed, now: datetime) -> Plan | None:
    chosen = target_release(model, seen)
    request = _awaited(chosen, seen)
    if request is None or request.build is Build.DONE:
        return None
    left = build_deadline(model, request) - now
    trouble = seen.pod_trouble
    if left <= timedelta(0):
        cause = trouble.message if trouble else request.message
        return Plan(
            reason=Reason.BuildDeadlineExceeded,
            message=f"no image of {chosen.tag} after {model.rollout.progress_deadline} s "
            f"(spec.rollout.progressDeadlineSeconds): {cause}",
            stalled=True,
            failed=True,
            look_again=CLUSTER_POLL,
        )
    if trouble:
        return Plan(reason=trouble.reason, message=trouble.message, look_again=min(left, PODS_POLL))
    return Plan(
        reason=Reason.Building,
        message=f"Yatai builds the image of {chosen.tag} (BentoRequest {request.name})",
        look_again=min(left, PODS_POLL),
    )
