"""Rules for what no release needs any more, and for a model that is at rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.core import memory
from e2i.core.actions import Action, DeleteArchive, DeleteDeployment, DeleteRequest
from e2i.core.model import Model, Rollback
from e2i.core.observed import BentoDeployment, BentoRequest, Observed
from e2i.core.quarantine import quarantine
from e2i.core.release import guarded_until
from e2i.core.rules.verdict import Plan, at_rest, the_desired, the_goal


def retire_others(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The previous release stays a while, to go back to and for requests under way; a failed one to be looked at."""
    chosen = the_goal(model, seen)
    waits = {
        child: due - now
        for child in seen.deployments
        if child.release != chosen.release and (due := _due(model, seen, child, now))
    }
    if not waits:
        return None
    over = [child for child, left in waits.items() if left <= timedelta(0)]
    if not over:
        return replace(at_rest(model, seen), look_again=min(waits.values()))
    deletions = tuple(DeleteDeployment(child.name, child.uid, child.release) for child in over)
    return replace(at_rest(model, seen), actions=deletions)


def _due(model: Model, seen: Observed, child: BentoDeployment, now: datetime) -> datetime | None:
    """When a release is to be removed; None: it stays."""
    failed = quarantine(model, seen)
    if failed is None or child.release != failed.release:
        return guarded_until(model, seen) or now
    if model.rollout.rollback is Rollback.MANUAL:
        return None
    return failed.failed_at + timedelta(seconds=model.rollout.scale_down_delay)


def trim_images(model: Model, seen: Observed, now: datetime) -> Plan | None:
    """The archive goes before the request: after a crash in between, the request still tells of it."""
    surplus = list(_surplus(model, seen))
    if not surplus:
        return None
    actions: list[Action] = []
    for request in surplus:
        if request.artifact:
            actions.append(DeleteArchive(request.artifact.uri, request.artifact.digest))
        actions.append(DeleteRequest(request.name, request.uid))
    return replace(at_rest(model, seen), actions=tuple(actions))


def _surplus(model: Model, seen: Observed) -> Iterator[BentoRequest]:
    """Requests beyond the history: first go those that never served, then those that served longest ago."""
    needed = {the_desired(model, seen).request_name, the_goal(model, seen).request_name}
    needed |= {child.spec.get("bento", "") for child in seen.deployments}
    last_served = [entry.digest for entry in memory.history(model)]
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
    return at_rest(model, seen)
