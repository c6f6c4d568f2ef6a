"""Rules that remove what no release needs, and the rule for a model with nothing left to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.model import Rollback
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import Action, DeleteArchive, DeleteDeployment, DeleteRequest
from e2i.controller.core.children import BentoDeployment, BentoRequest
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.release import guarded_until, is_complete, ready_pods, serving_release
from e2i.controller.core.releases.situation import Situation, desired_release, target_release
from e2i.controller.core.rules.settled import settled_plan


def make_room(here: Situation, now: datetime) -> Plan | None:
    """Delete releases that are no longer kept if the serving release lacks pods: they may take its room."""
    target = target_release(here)
    if serving_release(here.seen) != target.release or not ready_pods(target.workload):
        return None
    if is_complete(target.workload, here.model.autoscaling):
        return None
    deletions = _overdue(here, now)
    return replace(settled_plan(here), actions=deletions) if deletions else None


def retire_previous_releases(here: Situation, now: datetime) -> Plan | None:
    """Delete previous and failed releases when their time is over.

    A previous release is kept for a rollback and for running requests, a failed one for inspection."""
    waits = _others(here, now)
    if not waits:
        return None
    if deletions := _overdue(here, now):
        return replace(settled_plan(here), actions=deletions)
    return replace(settled_plan(here), look_again=min(waits.values()))


def _overdue(here: Situation, now: datetime) -> tuple[DeleteDeployment, ...]:
    waits = _others(here, now).items()
    over = [child for child, left in waits if left <= timedelta(0)]
    return tuple(DeleteDeployment(child.name, child.uid, child.release) for child in over)


def _others(here: Situation, now: datetime) -> dict[BentoDeployment, timedelta]:
    """Return how much longer each release except the target is kept."""
    target = target_release(here).release
    others = ((child, _due(here, child, now)) for child in here.seen.deployments if child.release != target)
    return {child: due - now for child, due in others if due}


def _due(here: Situation, child: BentoDeployment, now: datetime) -> datetime | None:
    """Return when a release will be deleted, or None if it stays."""
    failed = here.quarantine
    if failed is None or child.release != failed.release:
        return _kept_until(here) or now
    if here.model.rollout.rollback is Rollback.MANUAL:
        return None
    had_requests = (persisted_status.SERVING, persisted_status.ROLLED_BACK)
    if any(
        each.release == failed.release and each.result in had_requests
        for each in persisted_status.history(here.model)
    ):
        # Clients keep connections to its pods as long as these exist.
        return failed.failed_at
    return failed.failed_at + timedelta(seconds=here.model.rollout.scale_down_delay)


def _kept_until(here: Situation) -> datetime | None:
    """Return until when the predecessor is kept. This operator must itself have seen its delay pass."""
    until, service = guarded_until(here.model, here.seen), here.seen.service
    if until is None or service is None or service.switch_seen is None:
        return until
    return max(until, service.switch_seen + timedelta(seconds=here.model.rollout.scale_down_delay))


def trim_images(here: Situation, now: datetime) -> Plan | None:
    """Delete images beyond the history. The archive goes first: after a crash, the request still names it."""
    surplus = list(_surplus(here))
    if not surplus:
        return None
    actions: list[Action] = []
    for request in surplus:
        # An archive that the user uploaded cannot be exported again. An image lies in no bucket.
        if request.artifact and not request.artifact.image and not here.model.archive:
            actions.append(DeleteArchive(request.artifact.uri, request.artifact.digest))
        actions.append(DeleteRequest(request.name, request.uid, type(request).__name__))
    return replace(settled_plan(here), actions=tuple(actions))


def _surplus(here: Situation) -> Iterator[BentoRequest]:
    """Return the requests beyond the history: first those that never served, then those that served longest ago."""
    needed = {desired_release(here).request_name, target_release(here).request_name}
    needed |= {child.spec.get("bento", "") for child in here.seen.deployments}
    last_served = [entry.digest for entry in persisted_status.history(here.model)]
    others = sorted(
        (request for request in here.seen.requests if request.name not in needed),
        key=lambda request: (request.created, request.name),
        reverse=True,
    )
    others.sort(key=lambda request: _rank(last_served, request.digest))
    yield from others[here.model.rollout.history :]


def _rank(digests: list[str], digest: str) -> int:
    return digests.index(digest) if digest in digests else len(digests)


def report_settled(here: Situation, now: datetime) -> Plan | None:
    """Report that nothing is left to do. Always applies."""
    return settled_plan(here)
