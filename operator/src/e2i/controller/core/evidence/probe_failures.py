"""Finds in the events of a pod why a probe of its container failed last. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.evidence.failure_evidence import EvidenceSource

Body = Mapping[str, Any]

_LONGEST = 200
_ENDED_FROM_OUTSIDE = (0, 137, 143)
"""Exit codes of a process that was asked to end, or killed."""
_ADDRESS = re.compile(r"https?://[^/\s\"]+")


def last_probe_failure(found: EvidenceSource, events: Iterable[Body], secrets: tuple[str, ...] = ()) -> str:
    """Return: Liveness probe failed: HTTP probe failed with statuscode: 404. Empty if no probe explains the failure.

    A container that ended by itself, or for want of memory, was not ended by a probe; its readiness probe fails
    in every start.
    """
    if found.ended is not None and not _may_be_ended_by_probe(found.ended):
        return ""
    wanted = ("Readiness", "Startup") if found.ended is None else ("Liveness", "Startup")
    told = [event for event in events if _is_about(event, found.container, wanted)]
    newest = max(told, key=_time, default=None)
    # The address of the pod says nothing, and is another one in each message.
    return "" if newest is None else excerpt(_ADDRESS.sub("", newest["message"]), _LONGEST, secrets)


def _may_be_ended_by_probe(ended: Body) -> bool:
    by_signal = bool(ended.get("signal")) or ended.get("exitCode") in _ENDED_FROM_OUTSIDE
    return by_signal and ended.get("reason") != "OOMKilled"


def _is_about(event: Body, container: str, probes: tuple[str, ...]) -> bool:
    message = event.get("message")
    place = (event.get("involvedObject") or {}).get("fieldPath") or ""
    # Without a place it is an event of a node that names the pod only.
    about = not place or place.endswith(f"{{{container}}}")
    return isinstance(message, str) and message.startswith(probes) and about


def _time(event: Body) -> str:
    """Return when it happened last; the forms of the API sort as they are."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((time for time in times if isinstance(time, str)), "")
