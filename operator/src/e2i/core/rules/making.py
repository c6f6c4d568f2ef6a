"""Rules from a tag to an image and to the objects of the desired release."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.core import drift
from e2i.core.actions import Action, ApplyDeployment, ApplyRequest, DeleteDeployment, Export
from e2i.core.conditions import Reason
from e2i.core.model import Model
from e2i.core.observed import Build, Exporting, Observed, Trouble
from e2i.core.release import artifact_of, build_deadline, serving_release
from e2i.core.render import CURRENT_FORM
from e2i.core.rules.verdict import CLUSTER_POLL, PODS_POLL, STORE_POLL, Plan, the_desired


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


def realise_release(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The request before the deployment: yatai-deployment never looks again at one without a bento."""
    wanted = the_desired(model, seen)
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
    wanted = the_desired(model, seen)
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
    request = the_desired(model, seen).request
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
    request = the_desired(model, seen).request
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
