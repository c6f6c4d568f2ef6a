"""Numbers of pods of each release, and a canary's share of the requests. Pure.

One of the two releases always has its full size, so a canary never reduces the capacity:

10 pods, 10 %: canary 1, stable 10 (really 9 %)      10 pods, 50 %: canary 10, stable 10
10 pods, 80 %: canary 10, stable 3 (really 77 %)     1 pod,   10 %: canary 1,  stable 1 (really 50 %)
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.model import Autoscaling, Pause, SetWeight, Step, Strategy
from e2i.controller.core import persisted_status
from e2i.controller.core.children import BentoDeployment, Workload
from e2i.controller.core.persisted_status import Canary
from e2i.controller.core.releases.release import is_complete, ready_pods, selects_all
from e2i.controller.core.releases.situation import Situation


def weight(steps: tuple[Step, ...], step: int) -> int:
    """Return the percentage that the canary should have at a step: the last one set, 100 after the last step."""
    if step >= len(steps):
        return 100
    reached = [each.percent for each in steps[: step + 1] if isinstance(each, SetWeight)]
    return reached[-1] if reached else 0


def pause_seconds(steps: tuple[Step, ...], step: int) -> float | None:
    """Return the seconds of a pause, infinite if somebody has to promote; None if the step is not a pause."""
    target = steps[step] if step < len(steps) else None
    if not isinstance(target, Pause):
        return None
    return math.inf if target.seconds is None else target.seconds


def is_canary(here: Situation) -> bool:
    """Return whether the desired release replaces a serving release by steps."""
    if here.model.rollout.strategy is not Strategy.CANARY or here.asked is None or here.quarantine:
        return False
    if here.model.is_parked:
        return False  # It begins again when the model is woken.
    return here.asked != here.serving and here.seen.deployment(here.serving) is not None


def canary_progress(here: Situation) -> Canary | None:
    """Return the canary's progress; None before its first step."""
    known = persisted_status.canary(here.model)
    return known if known and known.release == here.asked and is_canary(here) else None


def canary_share(here: Situation) -> int:
    """Return the percentage that the canary should have now; 0 if there is none."""
    known = canary_progress(here)
    return weight(here.model.rollout.steps, known.step) if known else 0


def _workload(here: Situation, release: str | None) -> Workload | None:
    return here.seen.workload(here.seen.deployment(release))


def full_size(here: Situation, release: str | None) -> Autoscaling:
    """Return the numbers of pods of a release that gets all requests.

    Under an autoscaler the next release begins with as many pods as serve now, and keeps them while the one before it
    is kept: an autoscaler knows no load before requests come, and would begin with the fewest.
    """
    size, child = here.model.autoscaling, here.seen.deployment(release)
    if size.minimum == size.maximum:
        return size
    if child is None and (edited := _edited(here)):
        reached = max(_least(edited), _wanted(here.seen.workload(edited)))
    elif here.serving is None:
        # There is no load to take over, and whoever lowers the number may do so because no node has room.
        reached = 0
    elif release == here.serving:
        is_new = here.asked == release and len(here.seen.deployments) > 1
        reached = _least(child) if is_new else 0
    else:
        reached = max(_least(child), _wanted(_workload(here, here.serving)))
    return replace(size, minimum=min(size.maximum, max(size.minimum, reached)))


def held_size(here: Situation, child: BentoDeployment, now: datetime) -> Autoscaling:
    """Return the numbers of pods of a release at this time.

    A release that was edited in place has no other one beside it that shows how long it is new. So it keeps its pods
    for as long as another strategy keeps the release before: by then its autoscaler has seen the load.
    """
    size = size_of(here, child.release)
    until = _new_until(here, child)
    if size.minimum == size.maximum or until is None or now >= until:
        return size
    return replace(size, minimum=min(size.maximum, max(size.minimum, _least(child))))


def held_for(here: Situation, now: datetime) -> timedelta | None:
    """Return how much longer a release keeps more pods than its size; None if it does not."""
    for child in here.seen.deployments:
        until = _new_until(here, child)
        if until and held_size(here, child, now) != size_of(here, child.release):
            return until - now
    return None


def _new_until(here: Situation, child: BentoDeployment) -> datetime | None:
    """Return until when a release is new that was edited in place: from the edit, or from its switch on."""
    service = here.seen.service
    begun = [at for at in (child.asked_at, service.switched_at if service else None) if at]
    if not begun or child.name != naming.inplace_name(here.model.name):
        return None
    return max(begun) + timedelta(seconds=here.model.rollout.guard_seconds)


def _edited(here: Situation) -> BentoDeployment | None:
    """Return the BentoDeployment that is edited to become another release."""
    if here.model.rollout.strategy is not Strategy.IN_PLACE:
        return None
    name = naming.inplace_name(here.model.name)
    return next((child for child in here.seen.deployments if child.name == name), None)


def _least(child: BentoDeployment | None) -> int:
    """Return the minimum that a BentoDeployment has now."""
    least = (child.spec.get("autoscaling") or {}).get("minReplicas") if child else None
    return least if type(least) is int else 0


def _wanted(workload: Workload | None) -> int:
    return workload.wanted if workload else 0


def size_of(here: Situation, release: str | None) -> Autoscaling:
    """Return the numbers of pods of a release. In a canary, one of the two releases has fewer."""
    if not is_canary(here):
        return full_size(here, release)
    known = canary_progress(here)
    share = weight(here.model.rollout.steps, known.step if known else 0)
    stable = _workload(here, here.serving)
    whole = stable.wanted if stable else here.model.autoscaling.minimum
    if release == here.serving:
        # After the last step it keeps the size of the last share: it is about to be deleted.
        return _stable_size(
            here, min(share, weight(here.model.rollout.steps, len(here.model.rollout.steps) - 1))
        )
    if share >= 50:
        return full_size(here, release)
    return _fixed(min(whole, _nearest(whole * share, 100 - share)))


def _stable_size(here: Situation, share: int) -> Autoscaling:
    """Return the size of the stable release. It shrinks when the canary has its full size and takes requests.

    Before that the canary is verified, and the stable release answers alone."""
    whole = full_size(here, here.asked)
    grown = selects_all(here.model, here.seen) and is_complete(_workload(here, here.asked), whole)
    if share > 50 and grown:
        return _fixed(_nearest(whole.minimum * (100 - share), share))
    return here.model.autoscaling


def _fixed(pods: int) -> Autoscaling:
    return Autoscaling(minimum=max(1, pods), maximum=max(1, pods))


def _nearest(amount: int, by: int) -> int:
    """Divide and round; a half is rounded up."""
    return (2 * amount + by) // (2 * by)


def actual_weight(here: Situation) -> int:
    """Return the canary's real share: its percentage of the ready pods at the address."""
    if not selects_all(here.model, here.seen):
        return 0
    canary, stable = (ready_pods(_workload(here, release)) for release in (here.asked, here.serving))
    return round(100 * canary / (canary + stable)) if canary + stable else 0
