"""Rules that move the address to the target release, and rules that hold it where it is."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.api.conditions import Reason, timestamp
from e2i.api.model import Model, Pause, SetWeight, Strategy
from e2i.controller.core.actions import Action, ApplyService, WriteRecord
from e2i.controller.core.children import Build
from e2i.controller.core.persisted_status import Canary
from e2i.controller.core.plan import CLUSTER_POLL, NOW, Plan
from e2i.controller.core.releases import recording, sizes
from e2i.controller.core.releases.release import Release, ready_pods, serving_release
from e2i.controller.core.releases.situation import Situation, target_release, targets_desired
from e2i.controller.core.rules.address import selector_of


def hold_paused_rollout(here: Situation, now: datetime) -> Plan | None:
    """Hold the rollout while the annotation serving.e2i.dev/paused is set. Git tools do not undo an annotation."""
    if not here.model.paused or not targets_desired(here):
        return None
    return (
        _held(here.model, target_release(here))
        if serving_release(here.seen) != target_release(here).release
        else None
    )


def hold_paused_edit(here: Situation, now: datetime) -> Plan | None:
    """Hold an edit in place while the annotation is set: this edit gives the requests to the new release."""
    target, in_place = target_release(here), here.model.rollout.strategy is Strategy.IN_PLACE
    built = target.request is not None and target.request.build is Build.DONE
    waits = (
        in_place
        and not here.model.is_parked
        and built
        and target.deployment is None
        and serving_release(here.seen) is not None
    )
    return _held(here.model, target) if here.model.paused and waits and targets_desired(here) else None


def _held(model: Model, target: Release) -> Plan:
    return Plan(
        reason=Reason.Paused,
        message=f"release {target.release} of {target.tag} is ready for its next step and is held by the annotation "
        f"serving.e2i.dev/paused; kubectl e2i resume {model.name} -n {model.namespace} lets it go on",
    )


def advance_canary(here: Situation, now: datetime) -> Plan | None:
    """Move a canary to its next step. The rules above then change the numbers of pods and the address."""
    if not sizes.is_canary(here):
        return None
    target, steps = target_release(here), here.model.rollout.steps
    known = sizes.canary_progress(here)
    if known is None:
        child = target.deployment
        begun = Canary(
            release=target.release,
            step=0,
            started_at=now,
            promotion=here.model.promote_at,
            asked_at=(child.asked_at or child.created) if child else None,
            restart=child.restart if child else "",
        )
        return _promoting(here.model, begun)
    if known.step >= len(steps):
        return None
    step = steps[known.step]
    if isinstance(step, Pause) and known.promotion == here.model.promote_at:
        end = None if step.seconds is None else known.started_at + timedelta(seconds=step.seconds)
        if end is None or now < end:
            return _pausing(here, known, end, now)
    if isinstance(step, SetWeight) and (surplus := _surplus(here)):
        message = f"{_words(here.model, known)}; {surplus} pods of release {here.serving} have still to end"
        return Plan(reason=Reason.Promoting, message=message, look_again=CLUSTER_POLL)
    return _promoting(here.model, known.next(now, here.model.promote_at))


def _surplus(here: Situation) -> int:
    """Return how many ready pods the serving release has beyond its share: a pause begins when they have ended."""
    stable = here.seen.workload(here.seen.deployment(here.serving))
    return max(0, ready_pods(stable) - sizes.size_of(here, here.serving).maximum)


def _promoting(model: Model, canary: Canary) -> Plan:
    return Plan(reason=Reason.Promoting, message=_words(model, canary), canary=canary, look_again=NOW)


def _words(model: Model, canary: Canary) -> str:
    share = sizes.weight(model.rollout.steps, canary.step)
    return f"{_where(model, canary)} and gets {share} % of the requests"


def _where(model: Model, canary: Canary) -> str:
    """Return: canary 0b1d77e2 is at step 1 of 5. Steps are counted from one."""
    count = len(model.rollout.steps)
    return f"canary {canary.release} is at step {min(canary.step + 1, count)} of {count}"


def _pausing(here: Situation, canary: Canary, end: datetime | None, now: datetime) -> Plan:
    real = sizes.actual_weight(here)
    promote = f"kubectl e2i promote {here.model.name} -n {here.model.namespace}"
    # A time and not the seconds left: these would give another message in every pass.
    until = f"until {promote}" if end is None else f"until {timestamp(end)} or {promote}"
    return Plan(
        reason=Reason.CanaryPaused,
        message=f"{_where(here.model, canary)} with {real} % of the requests "
        f"({sizes.weight(here.model.rollout.steps, canary.step)} % requested), {until}",
        look_again=None if end is None else end - now,
    )


def switch_service(here: Situation, now: datetime) -> Plan | None:
    """Move the address with one write. All pods of the target are ready and its record is written before."""
    target = target_release(here)
    if serving_release(here.seen) == target.release:
        return None
    actions: list[Action] = []
    if targets_desired(here):
        actions.append(WriteRecord(recording.served_record(here, target, now)))
    actions.append(ApplyService(target.release, selector_of(here, target.release)))
    return Plan(
        reason=Reason.Switching,
        message=f"the address moves to release {target.release} of {target.tag}",
        actions=tuple(actions),
    )
