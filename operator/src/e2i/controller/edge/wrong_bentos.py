"""Looks for Bentos that somebody deleted or changed. yatai-image-builder never looks at them again by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from e2i.controller.core.observed import BentoDeployment, BentoRequest, Observed
from e2i.controller.core.own_bento import Bento
from e2i.controller.core.releases import own_work
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.pods import FIRST_ATTEMPT, LOST_PATIENCE
from e2i.kube import Kube, Object
from e2i.kube.e2i_kinds import BENTOES


async def with_wrong_bentos(here: Situation, kube: Kube, now: datetime) -> Observed:
    """Return what is observed, with the names of such Bentos."""
    seen = replace(here.seen, bento_gone=await _lost(here, kube, now))
    request, bento = await _altered(here, kube)
    if request is None:
        return seen
    if any(owner.get("uid") == request.uid for owner in bento["metadata"].get("ownerReferences") or ()):
        return replace(seen, bento_altered=request.name)
    # It is not the model's to correct.
    place = ("Bento", request.name)
    sentence = (
        f"Bento {request.name} in {request.namespace} belongs to somebody else, and names another image than "
        f"{request.image}, which was built for {here.model.name}: delete it, and the operator has the right one made"
    )
    return replace(seen, foreign=seen.foreign | {place}, holders={**seen.holders, place: sentence})


async def _lost(here: Situation, kube: Kube, now: datetime) -> str:
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


async def _altered(here: Situation, kube: Kube) -> tuple[BentoRequest | None, Object]:
    """Return a request whose Bento names another image than the one that was built, and that Bento.

    Asked only if a Deployment runs another image.
    """
    for child in here.seen.deployments:
        request, workload = here.seen.request(str(child.spec.get("bento"))), here.seen.workload(child)
        if request is None or isinstance(request, Bento) or not request.image:
            continue
        if workload is None or workload.image in ("", request.image):
            continue
        found = await kube.get(BENTOES, request.namespace, request.name)
        if found and found["spec"].get("image") != request.image:
            return request, found
    return None, {}


def _is_missed(child: BentoDeployment, request: BentoRequest, seen: Observed, now: datetime) -> bool:
    if request.built_at is None:
        return False
    if seen.workload(child) is not None:
        return child.misses_bento
    if child.refused_at is None or not own_work.lacks_bento(child):
        return False
    patience = FIRST_ATTEMPT if child.refused_at > request.built_at else LOST_PATIENCE
    return now - max(request.built_at, child.refused_at) >= patience
