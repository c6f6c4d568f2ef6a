"""Collects the evidence of a failed release from its pods, before they are removed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from e2i.controller.core.evidence.failure_evidence import (
    Evidence,
    EvidenceSource,
    evidence_from,
    evidence_source,
)
from e2i.controller.core.evidence.log_excerpts import READ_LINES, plain_lines
from e2i.controller.core.evidence.probe_failures import last_probe_failure
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import EVENTS

PATIENCE = 2.0
"""Seconds. The rollback to the earlier release waits for it."""
LARGEST = 1 << 18
"""Bytes. The API server counts them from the first line, so a small limit would cut the last lines."""

logger = logging.getLogger("e2i")


async def collect(pods: Sequence[Object], secrets: tuple[str, ...], kube: Kube) -> Evidence:
    """Return the evidence of the pods, with log and probes of the most telling container. Raises nothing."""
    found = evidence_source(pods)
    if found is None:
        return Evidence()
    log, events = await asyncio.gather(_log(found, kube), _events(found, kube))
    return evidence_from(found, plain_lines(log, secrets), last_probe_failure(found, events, secrets))


async def _log(found: EvidenceSource, kube: Kube) -> str:
    """Return the end of the log; empty if it cannot be read in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            text = await kube.log(
                found.namespace,
                found.pod,
                found.container,
                lines=READ_LINES,
                limit=LARGEST,
                previous=found.previous,
            )
    except (ApiError, TimeoutError) as error:
        logger.debug("the log of pod %s/%s is left out: %s", found.namespace, found.pod, error)
        return ""
    # If the log was cut, its last line may end in half a secret.
    return text if len(text.encode()) < LARGEST else text.rpartition("\n")[0]


async def _events(found: EvidenceSource, kube: Kube) -> list[Object]:
    """Return the events of failed probes of the pod; empty if they cannot be read in time."""
    fields = f"involvedObject.kind=Pod,involvedObject.name={found.pod},reason=Unhealthy"
    try:
        async with asyncio.timeout(PATIENCE):
            events, _ = await kube.list(EVENTS, found.namespace, fields=fields)
    except (ApiError, TimeoutError) as error:
        logger.debug("the events of pod %s/%s are left out: %s", found.namespace, found.pod, error)
        return []
    return events
