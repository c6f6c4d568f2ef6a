"""Reads from Events what holds up pods where no object's status says it."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2i.api.problem import Problem
from e2i.controller.core.children import BentoRequest
from e2i.controller.core.evidence import creation_events, job_events
from e2i.controller.core.stretch import Stretch
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import EVENTS


async def read_refused_build(
    request: BentoRequest, stretch: Stretch | None, kube: Kube, now: datetime
) -> Problem | None:
    """Return why the Job of the build gets no pod, if it has been without one for a while."""
    job = job_events.job_without_pods(request, stretch, now)
    events = await _events("Job", request.namespace, job, kube, ",reason=FailedCreate") if job else []
    return job_events.refused_pods(job, events)


async def read_held_creation(namespace: str, pod: str, lasts: timedelta, kube: Kube) -> Problem | None:
    """Return why the containers of the pod are not created, which has lasted for some time."""
    events = await _events("Pod", namespace, pod, kube)
    return creation_events.held_creation(pod, namespace, events, lasts)


async def _events(kind: str, namespace: str, name: str, kube: Kube, more: str = "") -> list[Object]:
    """Return the events; empty if they cannot be read, because they only explain."""
    fields = f"involvedObject.kind={kind},involvedObject.name={name}{more}"
    try:
        events, _ = await kube.list(EVENTS, namespace, fields=fields)
    except ApiError:
        return []
    return events
