"""Rules for what no release needs any more, and for a model that is at rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.model import Model, Rollback
from e2i.controller.core import persisted_status
from e2i.controller.core.actions import Action, DeleteArchive, DeleteDeployment, DeleteRequest
from e2i.controller.core.observed import BentoDeployment, BentoRequest, Observed
from e2i.controller.core.releases.quarantine import quarantine
from e2i.controller.core.releases.release import guarded_until, is_complete, ready_pods, serving_release
from e2i.controller.core.rules.decision import Plan, desired_release, settled_plan, target_release


def make_room(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """A release that serves and still lacks pods may wait for the room that its predecessor takes."""
    chosen = target_release(model, seen)
    if serving_release(seen) != chosen.release or not ready_pods(chosen.workload):
        return None
    if is_complete(chosen.workload, model.autoscaling):
        return None
    deletions = _overdue(model, seen, now)
    return replace(settled_plan(model, seen), actions=deletions) if deletions else None


def retire_others(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The previous release stays a while, to go back to and for requests under way; a failed one to be looked at."""
    waits = _others(model, seen, now)
    if not waits:
        return None
    if deletions := _overdue(model, seen, now):
        return replace(settled_plan(model, seen), actions=deletions)
    return replace(settled_plan(model, seen), look_again=min(waits.values()))


def _overdue(model: Model, seen: Observed, now: datetime) -> tuple[DeleteDeployment, ...]:
    waits = _others(model, seen, now).items()
    over = [child for child, left in waits if left <= timedelta(0)]
    return tuple(DeleteDeployment(child.name, child.uid, child.release) for child in over)


def _others(model: Model, seen: Observed, now: datetime) -> dict[BentoDeployment, timedelta]:
    """How long each of the releases that are not to serve is still kept."""
    goal = target_release(model, seen).release
    others = ((child, _due(model, seen, child, now)) for child in seen.deployments if child.release != goal)
    return {child: due - now for child, due in others if due}


def _due(model: Model, seen: Observed, child: BentoDeployment, now: datetime) -> datetime | None:
    """When a release is to be removed; None: it stays."""
    failed = quarantine(model, seen)
    if failed is None or child.release != failed.release:
        return guarded_until(model, seen) or now
    if model.rollout.rollback is Rollback.MANUAL:
        return None
    had_requests = (persisted_status.SERVING, persisted_status.ROLLED_BACK)
    if any(
        each.release == failed.release and each.result in had_requests
        for each in persisted_status.history(model)
    ):
        # Connections that clients keep would stay with it as long as its pods do.
        return failed.failed_at
    return failed.failed_at + timedelta(seconds=model.rollout.scale_down_delay)


def trim_images(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The archive goes before the request: after a crash in between, the request still tells of it."""
    surplus = list(_surplus(model, seen))
    if not surplus:
        return None
    actions: list[Action] = []
    for request in surplus:
        # What somebody else brought cannot be exported anew when the spec goes back to it.
        if request.artifact and not model.archive:
            actions.append(DeleteArchive(request.artifact.uri, request.artifact.digest))
        actions.append(DeleteRequest(request.name, request.uid))
    return replace(settled_plan(model, seen), actions=tuple(actions))


def _surplus(model: Model, seen: Observed) -> Iterator[BentoRequest]:
    """Requests beyond the history: first go those that never served, then those that served longest ago."""
    needed = {desired_release(model, seen).request_name, target_release(model, seen).request_name}
    needed |= {child.spec.get("bento", "") for child in seen.deployments}
    last_served = [entry.digest for entry in persisted_status.history(model)]
    others = sorted(
        (request for request in seen.requests if request.name not in needed),
        key=lambda request: (request.created, request.name),
        reverse=True,
    )
    others.sort(key=lambda request: _place(last_served, request.digest))
    yield from others[model.rollout.history :]


def _place(digests: list[str], digest: str) -> int:
    return digests.index(digest) if digest in digests else len(digests)


def rest(model: Model, seen: Observed, now: datetime) -> Plan | None:
    return settled_plan(model, seen)
