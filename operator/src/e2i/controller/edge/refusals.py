"""Turn a refusal of the API server into the problem that status, Event and log show."""

from __future__ import annotations

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.actions import (
    Action,
    Adopt,
    ApplyBudget,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteBudget,
    DeleteDeployment,
    DeleteRequest,
    PatchWorkload,
    Resize,
    RestoreImage,
    ScaleWorkload,
    SetFinalizer,
)
from e2i.controller.core.evidence.refusals import write_refusal
from e2i.kube import ApiError
from e2i.kube.e2i_kinds import YATAI_KINDS

_NAMES = {
    ApplyRequest: "BentoRequest",
    ApplyDeployment: "BentoDeployment",
    Resize: "BentoDeployment",
    PatchWorkload: "Deployment",
    ScaleWorkload: "scale",
    RestoreImage: "Bento",
    ApplyService: "Service",
    ApplyBudget: "PodDisruptionBudget",
    DeleteBudget: "PodDisruptionBudget",
    DeleteDeployment: "BentoDeployment",
    SetFinalizer: "finalizer",
}


def refused(model: Model, action: Action, error: ApiError) -> Problem:
    """Return the problem that an error of the API server means; it is not stalled if waiting may help."""
    kind = _kind(action)
    deed = "deleted" if isinstance(action, DeleteDeployment | DeleteRequest | DeleteBudget) else "written"
    what = f"the {kind} of {model.name} was not {deed}"
    if error.is_taken:
        return Problem(
            reason=Reason.NameTaken,
            message=f"{what}: an object of that name is somebody else's ({error.message})",
            stalled=True,
        )
    # A Resize that finds nothing: the object is gone, its kind is served.
    if (
        error.status == 404
        and not isinstance(action, Resize)
        and kind in {resource.kind for resource in YATAI_KINDS}
    ):
        return Problem(
            reason=Reason.YataiNotInstalled,
            message=f"{what}: the cluster does not serve {kind}; install yatai-deployment and yatai-image-builder",
            stalled=True,
        )
    if error.is_of_ending_namespace:
        # Kubernetes removes the children of the namespace one by one, and each would be made again.
        message = f"namespace {model.namespace} is being deleted: nothing is made in it any more"
        return Problem(reason=Reason.Deleting, message=message)
    # The status does not tell who refuses: a webhook chooses that of its refusal (400 if it names none).
    if known := write_refusal(error.message):
        reason, advice = known
        message = f"{what}: {error.message.rstrip('.')}. {advice}"
        return Problem(reason=reason, message=message, stalled=reason is not Reason.WebhookFailing)
    if error.status in (400, 403, 413, 422):
        return Problem(reason=Reason.Refused, message=f"{what}: {error.message}", stalled=True)
    return Problem(reason=Reason.ApiUnavailable, message=f"{what}: {error.message}; it is tried again")


def _kind(action: Action) -> str:
    match action:
        case ApplyRequest(artifact=artifact) if artifact.image:
            return "Bento"
        case DeleteRequest(kind=kind) | Adopt(kind=kind):
            return kind
    return _NAMES.get(type(action), type(action).__name__)
