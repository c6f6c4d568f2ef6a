"""The conditions BentoExported and ImageBuilt: how far the bento of the desired release is. Pure."""

from __future__ import annotations

from e2i.api import conditions
from e2i.api.artifact import Artifact
from e2i.api.conditions import Fact, Reason, fact
from e2i.api.problem import Problem
from e2i.controller.core.children import Build
from e2i.controller.core.observed import Exporting
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.release import Release
from e2i.controller.core.releases.situation import Situation

_BUILD_PROBLEMS = (Reason.BuildBlocked, Reason.BuildDeadlineExceeded)


def exported(here: Situation, plan: Plan) -> Fact:
    """Return the condition BentoExported."""
    desired = here.desired
    if desired:
        artifact = desired.artifact
        if artifact.image:
            return fact(conditions.EXPORTED, "True", Reason.ImageGiven, _given(artifact))
        return fact(
            conditions.EXPORTED,
            "True",
            Reason.Exported,
            f"{artifact.tag} is {artifact.uri}, {artifact.digest}, {artifact.size} bytes",
        )
    match here.seen.export:
        case Exporting() if here.model.image:
            return fact(conditions.EXPORTED, "False", Reason.Resolving, plan.message)
        case Exporting(total=0):
            return fact(
                conditions.EXPORTED, "False", Reason.Exporting, f"{here.model.tag}: its files are being read"
            )
        case Exporting(done=done, total=total, step=step):
            message = f"{here.model.tag}: {done} of {total} bytes {step} ({100 * done // total} %)"
            return fact(conditions.EXPORTED, "False", Reason.Exporting, message)
        case Problem(reason=reason, message=message):
            return fact(conditions.EXPORTED, "False", reason, message)
        case _:
            return fact(
                conditions.EXPORTED, "Unknown", *_cause(plan, f"{here.model.tag} has not been looked up yet")
            )


def _given(artifact: Artifact) -> str:
    return f"{artifact.tag} is {artifact.pinned_image}, which was built elsewhere"


def built(here: Situation, plan: Plan) -> Fact:
    """Return the condition ImageBuilt."""
    desired = here.desired
    request = desired.request if desired else None
    if desired and desired.artifact.image:
        return fact(conditions.BUILT, "True", Reason.ImageGiven, _given(desired.artifact))
    if request is None:
        return fact(conditions.BUILT, "Unknown", Reason.Pending, "no image has been requested yet")
    match request.build:
        case Build.DONE:
            return fact(
                conditions.BUILT,
                "True",
                Reason.Built,
                f"BentoRequest {request.name} has an image of {here.model.tag}",
            )
        case Build.FAILED:
            # The plan's message says where the log is; the builder's message does not.
            told = plan.message if plan.reason is Reason.BuildFailed else request.message
            return fact(conditions.BUILT, "False", Reason.BuildFailed, told)
        case _:
            return fact(conditions.BUILT, "False", *_building(plan, desired))


def _building(plan: Plan, desired: Release | None) -> tuple[Reason, str]:
    if plan.reason in _BUILD_PROBLEMS:
        return plan.reason, plan.message
    name = desired.request_name if desired else ""
    return Reason.Building, f"Yatai builds the image (BentoRequest {name})"


def _cause(plan: Plan, otherwise: str) -> tuple[Reason, str]:
    """Return the reason of a stalled plan, which explains why nothing was exported, or `otherwise`."""
    return (plan.reason, plan.message) if plan.stalled else (Reason.Pending, otherwise)
