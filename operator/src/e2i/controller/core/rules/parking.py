"""Rules for a parked model, whose spec.replicas is 0."""

from __future__ import annotations

from datetime import datetime

from e2i.api.conditions import Reason
from e2i.controller.core.actions import DeleteDeployment, ScaleWorkload
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.situation import Situation, target_release
from e2i.controller.core.rules.cleanup import trim_images
from e2i.controller.core.rules.settled import settled_plan

_ZERO = "spec.replicas is 0"


def park_releases(here: Situation, now: datetime) -> Plan | None:
    """Scale the Deployments of a parked model to zero.

    Their autoscalers rest there. A BentoDeployment cannot ask for it: the API server refuses an autoscaler with a
    minimum of zero, and yatai-deployment then fails with all that it makes after that.
    """
    there = (*here.seen.workloads, *here.seen.runners)
    running = [each for each in there if each.wanted] if here.model.is_parked else []
    if not running:
        return None
    return Plan(
        reason=Reason.Scaling,
        message=f"{_ZERO}: {', '.join(f'Deployment {each.name}' for each in running)} is scaled to zero",
        actions=tuple(ScaleWorkload(each.name, each.uid, 0) for each in running),
    )


def rest_parked_model(here: Situation, now: datetime) -> Plan | None:
    """Let a parked model rest when the image of its target is there. Only the release with the address is kept.

    A trial that was under way begins again when the model is woken: its pods are not judged by what they did before.
    """
    if not here.model.is_parked:
        return None
    others = [child for child in here.seen.deployments if child.release != here.serving]
    surplus = trim_images(here, now)
    plan = _resting(here)
    deletions = tuple(DeleteDeployment(child.name, child.uid, child.release) for child in others)
    return Plan(
        reason=plan.reason,
        message=plan.message,
        stalled=plan.stalled,
        actions=deletions or (surplus.actions if surplus else ()),
    )


def _resting(here: Situation) -> Plan:
    """Return what the model rests with: pods that have still to end, a failure that it has, or nothing."""
    ending = sum(each.existing for each in here.seen.workloads)
    if ending:
        return Plan(reason=Reason.Scaling, message=f"{_ZERO}: of the model's pods {ending} still end")
    if here.quarantine:
        failed = settled_plan(here)
        return Plan(
            reason=failed.reason,
            message=f"{_ZERO}, and the model has no pods. Before, {failed.message}",
            stalled=True,
        )
    return Plan(reason=Reason.Parked, message=f"{_ZERO}: {_kept(here)}. {_way_to_wake(here)}")


def _kept(here: Situation) -> str:
    target, serving = target_release(here), here.serving
    if serving == target.release:
        return f"release {serving} of {target.tag} has no pods, and keeps its image and the address"
    made = f"release {target.release} of {target.tag} has its image and no pods"
    return f"{made}, and release {serving} keeps the address" if serving else made


def _way_to_wake(here: Situation) -> str:
    model = here.model
    return f"It is woken by another number: kubectl scale e2im {model.name} -n {model.namespace} --replicas=1"
