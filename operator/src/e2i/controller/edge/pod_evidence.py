"""Gathers what a failed release leaves behind, as long as its pods are there."""

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
"""Seconds: the way back to the earlier release waits for it."""
LARGEST = 1 << 18
"""Bytes. The API server counts them from the first of the lines, so that one too few would cut the last words."""

logger = logging.getLogger(__name__)


async def collect(pods: Sequence[Object], secrets: tuple[str, ...], kube: Kube) -> Evidence:
    """What the pods tell, with the last lines of the log of the one that tells most; never an error."""
    found = evidence_source(pods)
    if found is None:
        return Evidence()
    return evidence_from(found, log_excerpt(await _log(found, kube), secrets))


async def _log(found: EvidenceSource, kube: Kube) -> str:
    """Empty when it cannot be had in time."""
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
    # A line that was cut may end in half a secret.
    return text if len(text.encode()) < LARGEST else text.rpartition("\n")[0]
