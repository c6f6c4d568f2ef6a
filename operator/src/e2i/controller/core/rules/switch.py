"""Rules that move the address, and those that hold it where it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api import naming
from e2i.api.conditions import Reason, timestamp
from e2i.api.model import Model, Pause, Strategy
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import Action, ApplyService, WriteRecord
from e2i.controller.core.observed import Build
from e2i.controller.core.persisted_status import Canary
from e2i.controller.core.releases import recording, sizes
from e2i.controller.core.releases.release import Release, ready_pods, selects_all, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.decision import NOW, Plan, settled_plan, target_release, targets_desired


def roll_back_failed_release(here: Situation, now: datetime) -> Plan | None:
    """The rollback: one write, as soon as there is a pod to go back to."""
    chosen = target_release(here)
    back = not targets_desired(here) and serving_release(here.seen) != chosen.release
    if not back or chosen.shape is not None or not ready_pods(chosen.workload):
        return None
    return Plan(
        reason=Reason.Switching,
        message=f"the address moves back to release {chosen.release} of {chosen.tag}",
        actions=(ApplyService(chosen.release, _selector(here, chosen.release)),),
    )


def restore_address(here: Situation, now: datetime) -> Plan | None:
    """The address leads to the release it belongs to, and beside it only to a canary that has its share.

    A canary that begins, is given up or is overtaken, another strategy, or a stranger's hand: all end here.
    """
    serving = serving_release(here.seen)
    if here.seen.service is None:
        return _lost_address(here)
    if serving is None:
        return None
    if not ready_pods(here.seen.workload(here.seen.deployment(serving))):
        return _without_pods(here, serving)
    selector = _selector(here, serving)
    told = here.seen.service.serving == serving and here.seen.service.switched_at is not None
    if told and dict(here.seen.service.selector) == selector:
        return None
    return _leading(serving, selector, here.seen.service.switched_at)


def _leading(release: str, selector: dict[str, str], switched_at: datetime | None) -> Plan:
    return Plan(
        reason=Reason.Switching,
        message=f"the address is about to lead to {naming.label_selector(selector)}",
        actions=(ApplyService(release, selector, switched_at),),
    )


def _lost_address(here: Situation) -> Plan | None:
    """Somebody removed the Service: it comes back as it was, whatever else is under way."""
    served = next(
        (entry for entry in persisted_status.history(here.model) if entry.result == persisted_status.SERVING),
        None,
    )
    if served is None or not ready_pods(here.seen.workload(here.seen.deployment(served.release))):
        return None
    return _leading(served.release, _selector(here, served.release), served.served_at)


def _without_pods(here: Situation, serving: str) -> Plan | None:
    """The release that the address belongs to has no ready pod: whoever else may have requests gets them.

    A canary has all of them then, and keeps them when it is overtaken: an address that takes in all pods must not be
    there when a third release gets its first ones. Otherwise a predecessor has them back that is kept for this.
    """
    chosen, everything = target_release(here), {naming.MODEL_LABEL: here.model.name}
    ready, since = ready_pods(chosen.workload), here.seen.service.switched_at if here.seen.service else None
    if _selector(here, serving) == everything:
        return (
            None if selects_all(here.model, here.seen) or not ready else _leading(serving, everything, since)
        )
    if chosen.release == serving or ready:
        return None
    with_pods = [child for child in here.seen.deployments if ready_pods(here.seen.workload(child))]
    running = [child.release for child in with_pods if child.release]
    if selects_all(here.model, here.seen):
        heir = running[0] if running else serving
        return _leading(heir, naming.pod_labels(here.model.name, heir), None if running else since)
    before = next((release for release in persisted_status.proved(here.model) if release in running), None)
    return _leading(before, naming.pod_labels(here.model.name, before), None) if before else None


def _selector(here: Situation, release: str) -> dict[str, str]:
    """The pods that the address of `release` takes in: its own, or all pods of the model.

    All, while a canary shares with it, or if it is the one that is edited in place. Beside that one there may
    for a while be a predecessor, which was made side by side with it and must not share.
    """
    known = sizes.canary_progress(here)
    in_place = here.model.rollout.strategy is Strategy.IN_PLACE
    edited = in_place and [child.name for child in here.seen.deployments] == [
        naming.inplace_name(here.model.name)
    ]
    shared = (
        release == serving_release(here.seen) and known and sizes.weight(here.model.rollout.steps, known.step)
    )
    if edited or shared:
        return {naming.MODEL_LABEL: here.model.name}
    return naming.pod_labels(here.model.name, release)


def hold_paused_rollout(here: Situation, now: datetime) -> Plan | None:
    """By hand and for a while, where spec.suspend would be undone by what keeps the spec in Git."""
    if not here.model.paused or not targets_desired(here):
        return None
    return (
        _held(here.model, target_release(here))
        if serving_release(here.seen) != target_release(here).release
        else None
    )


def hold_paused_edit(here: Situation, now: datetime) -> Plan | None:
    """The same for the one that is edited in place: its edit is what gives the new release its requests."""
    chosen, in_place = target_release(here), here.model.rollout.strategy is Strategy.IN_PLACE
    built = chosen.request is not None and chosen.request.build is Build.DONE
    waits = in_place and built and chosen.deployment is None and serving_release(here.seen) is not None
    return _held(here.model, chosen) if here.model.paused and waits and targets_desired(here) else None


def _held(model: Model, chosen: Release) -> Plan:
    return Plan(
        reason=Reason.Paused,
        message=f"release {chosen.release} of {chosen.tag} is ready for its next step and is held by the annotation "
        f"serving.e2i.dev/paused; kubectl e2i resume {model.name} -n {model.namespace} lets it go on",
    )


def advance_canary(here: Situation, now: datetime) -> Plan | None:
    """Step by step; the sizes and the address of a step are seen to by the rules above."""
    if not sizes.is_canary(here):
        return None
    chosen, steps = target_release(here), here.model.rollout.steps
    known = sizes.canary_progress(here)
    if known is None:
        begun = Canary(release=chosen.release, step=0, started_at=now, promotion=here.model.promote_at)
        return _promoting(here.model, begun)
    if known.step >= len(steps):
        return None
    step = steps[known.step]
    if isinstance(step, Pause) and known.promotion == here.model.promote_at:
        end = None if step.seconds is None else known.started_at + timedelta(seconds=step.seconds)
        if end is None or now < end:
            return _pausing(here, known, end, now)
    return _promoting(here.model, known.next(now, here.model.promote_at))


def _promoting(model: Model, canary: Canary) -> Plan:
    share = sizes.weight(model.rollout.steps, canary.step)
    return Plan(
        reason=Reason.Promoting,
        message=f"{_where(model, canary)} and gets {share} % of the requests",
        canary=canary,
        look_again=NOW,
    )


def _where(model: Model, canary: Canary) -> str:
    """Steps are counted from one, as people do."""
    count = len(model.rollout.steps)
    return f"canary {canary.release} is at step {min(canary.step + 1, count)} of {count}"


def _pausing(here: Situation, canary: Canary, end: datetime | None, now: datetime) -> Plan:
    real = sizes.actual_weight(here)
    promote = f"kubectl e2i promote {here.model.name} -n {here.model.namespace}"
    # A moment and not a rest of seconds, which would be another message in every pass.
    until = f"until {promote}" if end is None else f"until {timestamp(end)} or {promote}"
    return Plan(
        reason=Reason.CanaryPaused,
        message=f"{_where(here.model, canary)} with {real} % of the requests "
        f"({sizes.weight(here.model.rollout.steps, canary.step)} % asked for), {until}",
        look_again=None if end is None else end - now,
    )


def switch_service(here: Situation, now: datetime) -> Plan | None:
    """One write moves the address; the pods behind it are all ready by then, and the ledger knows of it."""
    chosen = target_release(here)
    if serving_release(here.seen) == chosen.release:
        return None
    actions: list[Action] = []
    if targets_desired(here):
        actions.append(WriteRecord(recording.served_record(here, chosen, now)))
    actions.append(ApplyService(chosen.release, _selector(here, chosen.release)))
    return Plan(
        reason=Reason.Switching,
        message=f"the address moves to release {chosen.release} of {chosen.tag}",
        actions=tuple(actions),
    )


def record_failure(here: Situation, now: datetime) -> Plan | None:
    """After everything that requests depend on: a bucket out of reach must not hold up a rollback."""
    failed = here.quarantine
    if (
        failed is None
        or failed.trial in here.seen.recorded_failures
        or not here.model.status.get("failedReleases")
    ):
        return None
    record = recording.failure_record(here, failed)
    if record is None:
        return None
    return replace(settled_plan(here), actions=(WriteRecord(record),))
