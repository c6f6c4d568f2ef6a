"""Dates what others wrote by the operator's own clock. Pure.

A creation time is of the clock of the API server, a transition of that of a controller, and each of these clocks may be
wrong or may be set. So a duration begins when the operator first saw what it is about. After a restart that is
later than the truth: a release gets more time, never less.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from e2i.controller.core.children import BentoDeployment, BentoRequest, Build, Child, Service, Workload

_JOB = "Image building job "
"""How the message of the image builder begins once it has made the Job of a build."""


def dated(child: Child, before: Child | None, now: datetime) -> Child:
    """Return the child that is seen now, with the moments since which it is as it is.

    `before`: the same object, or another of its name, as it was seen before."""
    same = before if before is not None and before.uid == child.uid else None
    child = replace(child, first_seen=same.first_seen if same else now)
    match child:
        case BentoRequest():
            return _dated_request(child, same if isinstance(same, BentoRequest) else None, now)
        case BentoDeployment():
            return _dated_deployment(child, same if isinstance(same, BentoDeployment) else None, now)
        case Workload():
            known = same.failing_since if isinstance(same, Workload) else None
            return replace(child, failing_since=(known or now) if child.replica_failure else None)
        case Service():
            return _dated_service(child, same if isinstance(same, Service) else None, now)
    return child


def has_news(child: Child, before: Child | None) -> bool:
    """Return whether the controller of this object has changed what it says of it."""
    return before is not None and before.uid == child.uid and _said(child) != _said(before)


def _said(child: Child) -> tuple[object, ...]:
    match child:
        case BentoRequest():
            return child.answered, child.build, child.message, child.image
        case BentoDeployment():
            return child.answered, child.refusal
    return ()


def _dated_request(child: BentoRequest, same: BentoRequest | None, now: datetime) -> BentoRequest:
    built, since = (same.built_at, same.error_since) if same else (None, None)
    # The image builder takes its error back whenever it tries again. It is over when there is a Job for the build.
    tries = child.build is Build.UNKNOWN and not child.message.startswith(_JOB)
    error = child.error or (same.error if same and tries else "")
    return replace(
        child,
        built_at=(built or now) if child.build is Build.DONE else None,
        error=error,
        error_since=(since or now) if error else None,
    )


def _dated_deployment(child: BentoDeployment, same: BentoDeployment | None, now: datetime) -> BentoDeployment:
    refused = same.refused_at if same else None
    return replace(
        child,
        refused_at=(refused or now) if child.refusal else None,
        attempted_at=_ours(child.attempted_at, same.attempted_at if same else None, now),
        asked_at=_ours(child.asked_at, same.asked_at if same else None, now),
    )


def _dated_service(child: Service, same: Service | None, now: datetime) -> Service:
    switched = _ours(child.switched_at, same.switched_at if same else None, now)
    known = same.switch_seen if same and same.switched_at == switched else None
    return replace(child, switched_at=switched, switch_seen=known or now)


def _ours(written: datetime | None, known: datetime | None, now: datetime) -> datetime | None:
    """Return a time that an operator wrote. One that lies ahead, by another clock or by hand, is now."""
    if written is None or written <= now:
        return written
    return known or now
