"""Looks for Bentos that somebody deleted. yatai-image-builder never makes them again by itself."""

from __future__ import annotations

from datetime import datetime

from e2i.controller.core.observed import BentoDeployment, BentoRequest, Observed
from e2i.controller.core.releases import own_work
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.pods import FIRST_ATTEMPT, LOST_PATIENCE
from e2i.kube import Kube
from e2i.kube.e2i_kinds import BENTOES


async def lost_bento(here: Situation, kube: Kube, now: datetime) -> str:
    """Return the name of a deleted Bento of the serving release or of the target; empty if there is none.

    Asked only if yatai-deployment misses it. A release without its Bento serves on, but cannot be resized.
    """
    wanted = {here.serving, here.target.release if here.target else None}
    for child in here.seen.deployments:
        request = here.seen.request(str(child.spec.get("bento"))) if child.release in wanted else None
        if request is None or not _is_missed(child, request, here.seen, now):
            continue
        if await kube.get(BENTOES, request.namespace, request.name) is None:
            return request.name
    return ""


def _is_missed(child: BentoDeployment, request: BentoRequest, seen: Observed, now: datetime) -> bool:
    if request.built_at is None:
        return False
    if seen.workload(child) is not None:
        return child.misses_bento
    if child.refused_at is None or not own_work.lacks_bento(child):
        return False
    patience = FIRST_ATTEMPT if child.refused_at > request.built_at else LOST_PATIENCE
    return now - max(request.built_at, child.refused_at) >= patience
