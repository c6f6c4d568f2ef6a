"""Collects the evidence of a failed release from its pods, before they are removed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from e2i.controller.core.evidence.failure_evidence import (
    LOG_LINES,
    Evidence,
    EvidenceSource,
    evidence_from,
    evidence_source,
    log_excerpt,
)
from e2i.kube import ApiError, Kube, Object

PATIENCE = 2.0
"""Seconds. The rollback to the earlier release waits for it."""
LARGEST = 1 << 18
"""Bytes. The API server counts them from the first line, so a small limit would cut the last lines."""

logger = logging.getLogger(__name__)


async def collect(pods: Sequence[Object], secrets: tuple[str, ...], kube: Kube) -> Evidence:
    """Return the evidence of the pods, with the last log lines of the most telling one. Raises nothing."""
    found = evidence_source(pods)
    if found is None:
        return Evidence()
    return evidence_from(found, log_excerpt(await _log(found, kube), secrets))


async def _log(found: EvidenceSource, kube: Kube) -> str:
    """Return the end of the log; empty if it cannot be read in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            text = await kube.log(
                found.namespace,
                found.pod,
                found.container,
                lines=LOG_LINES,
                limit=LARGEST,
                previous=found.previous,
            )
    except (ApiError, TimeoutError) as error:
        logger.debug("the log of pod %s/%s is left out: %s", found.namespace, found.pod, error)
        return ""
    # If the log was cut, its last line may end in half a secret.
    return text if len(text.encode()) < LARGEST else text.rpartition("\n")[0]
