"""Reads from Events what holds up pods where no object's status says it."""

from __future__ import annotations

from datetime import datetime

from e2i.api.problem import Problem
from e2i.controller.core.children import BentoRequest
from e2i.controller.core.evidence import job_events, mount_events
from e2i.controller.core.stretch import Stretch
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import EVENTS


async def read_refused_build(
    request: BentoRequest, stretch: Stretch | None, kube: Kube, now: datetime
) -> Problem | None:
    """Return why the Job of the build gets no pod, if it has been without one for a while."""
    job = job_events.job_without_pods(request, stretch, now)
    events = await _events("Job", request.namespace, job, "FailedCreate", kube) if job else []
    return job_events.refused_pods(job, events)


async def read_failed_mount(namespace: str, pod: str, kube: Kube) -> Problem | None:
    """Return why a volume of the pod cannot be mounted."""
    return mount_events.failed_mount(
        pod, namespace, await _events("Pod", namespace, pod, "FailedMount", kube)
    )


async def _events(kind: str, namespace: str, name: str, reason: str, kube: Kube) -> list[Object]:
    """Return the events; empty if they cannot be read, because they only explain."""
    fields = f"involvedObject.kind={kind},involvedObject.name={name},reason={reason}"
    try:
        events, _ = await kube.list(EVENTS, namespace, fields=fields)
    except ApiError:
        return []
    return events
