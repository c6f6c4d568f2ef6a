"""Rules that keep releases at their numbers of pods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from e2i.api.conditions import Reason
from e2i.controller.core.actions import Resize, ScaleWorkload
from e2i.controller.core.children import BentoDeployment, Workload
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.release import existing_release
from e2i.controller.core.releases.situation import Situation, target_release
from e2i.controller.core.releases.sizes import held_size, size_of
from e2i.controller.core.render import comparison
from e2i.controller.core.rules.waiting import ready_pods_message


def resize_serving_release(here: Situation, now: datetime) -> Plan | None:
    """Change the number of pods of the serving release, whatever else the spec asks for.

    Nothing else of a release may be edited: for this Yatai only changes its autoscaler."""
    child = here.seen.deployment(here.serving)
    return None if here.seen.missing_kinds or here.model.is_parked else _resize(here, child, now)


def resize_target_release(here: Situation, now: datetime) -> Plan | None:
    """Change the number of pods of the target."""
    return _resize(here, here.seen.deployment(target_release(here).release), now)


def wake_idle_releases(here: Situation, now: datetime) -> Plan | None:
    """Scale releases up from zero, except one in quarantine: somebody may have saved its room.

    An autoscaler rests at zero, and Yatai leaves the number to it."""
    idle = [
        (workload, pods)
        for child in here.seen.deployments
        if not (here.model.is_parked or _is_spent(here, child))
        for workload, pods in _least(here, child)
        if workload.wanted == 0
    ]
    if not idle:
        return None
    return Plan(
        reason=Reason.Scaling,
        message=f"{', '.join(f'Deployment {workload.name}' for workload, _ in idle)} was scaled to zero",
        actions=tuple(ScaleWorkload(workload.name, workload.uid, pods) for workload, pods in idle),
    )


def _least(here: Situation, child: BentoDeployment) -> Iterator[tuple[Workload, int]]:
    """Return the Deployments of a release with the fewest pods to run. The autoscaler of a runner knows its own."""
    if workload := here.seen.workload(child):
        yield workload, size_of(here, child.release).minimum
    yield from ((each, 1) for each in here.seen.runners if each.owner == child.uid)


def _is_spent(here: Situation, child: BentoDeployment) -> bool:
    failed = here.quarantine
    return failed is not None and child.release == failed.release != here.serving


def _resize(here: Situation, child: BentoDeployment | None, now: datetime) -> Plan | None:
    size = held_size(here, child, now) if child else None
    if child is None or size is None or not comparison.size_differs(child, size):
        return None
    return Plan(
        reason=Reason.Scaling,
        message=ready_pods_message(here, existing_release(here.seen, child)),
        actions=(Resize(child.name, size),),
    )
