"""Rules for what no release needs any more, and for a model that is at rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.model import Rollback
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import Action, DeleteArchive, DeleteDeployment, DeleteRequest
from e2i.controller.core.observed import BentoDeployment, BentoRequest
from e2i.controller.core.releases.release import guarded_until, is_complete, ready_pods, serving_release
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.decision import Plan, desired_release, settled_plan, target_release


def make_room(here: Situation, now: datetime) -> Plan | None:
    """A release that serves and still lacks pods may wait for the room that its predecessor takes."""
    chosen = target_release(here)
    if serving_release(here.seen) != chosen.release or not ready_pods(chosen.workload):
        return None
    if is_complete(chosen.workload, here.model.autoscaling):
        return None
    deletions = _overdue(here, now)
    return replace(settled_plan(here), actions=deletions) if deletions else None


def retire_previous_releases(here: Situation, now: datetime) -> Plan | None:
    """The previous release stays a while, to go back to and for requests under way; a failed one to be looked at."""
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
    """How long each of the releases that are not to serve is still kept."""
    goal = target_release(here).release
    others = ((child, _due(here, child, now)) for child in here.seen.deployments if child.release != goal)
    return {child: due - now for child, due in others if due}


def _due(here: Situation, child: BentoDeployment, now: datetime) -> datetime | None:
    """When a release is to be removed; None: it stays."""
    failed = here.quarantine
    if failed is None or child.release != failed.release:
        return guarded_until(here.model, here.seen) or now
    if here.model.rollout.rollback is Rollback.MANUAL:
        return None
    had_requests = (persisted_status.SERVING, persisted_status.ROLLED_BACK)
    if any(
        each.release == failed.release and each.result in had_requests
        for each in persisted_status.history(here.model)
    ):
        # Connections that clients keep would stay with it as long as its pods do.
        return failed.failed_at
    return failed.failed_at + timedelta(seconds=here.model.rollout.scale_down_delay)


def trim_images(here: Situation, now: datetime) -> Plan | None:
    """The archive goes before the request: after a crash in between, the request still tells of it."""
    surplus = list(_surplus(here))
    if not surplus:
        return None
    actions: list[Action] = []
    for request in surplus:
        # What somebody else brought cannot be exported anew when the spec goes back to it.
        if request.artifact and not here.model.archive:
            actions.append(DeleteArchive(request.artifact.uri, request.artifact.digest))
        actions.append(DeleteRequest(request.name, request.uid))
    return replace(settled_plan(here), actions=tuple(actions))


def _surplus(here: Situation) -> Iterator[BentoRequest]:
    """Requests beyond the history: first go those that never served, then those that served longest ago."""
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
    return settled_plan(here)
