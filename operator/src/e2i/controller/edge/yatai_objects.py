"""Looks for objects of Yatai that others made, changed or deleted, and that the cache does not show.

yatai-image-builder never looks again at a Bento by itself, and yatai-deployment never asks whose a Service is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from e2i.controller.core.children import BentoRequest
from e2i.controller.core.observed import Observed
from e2i.controller.core.own_bento import Bento
from e2i.controller.core.releases import own_work
from e2i.controller.core.releases.situation import Situation
from e2i.kube import Kube, Object
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTOES


async def with_yatai_objects(here: Situation, kube: Kube, now: datetime) -> Observed:
    """Return what is observed, with the Bentos that are wrong and the names that are taken."""
    seen = replace(here.seen, bento_gone=await _lost(here, kube, now))
    if rival := await _rival(here, kube):
        seen = _with_holder(seen, ("BentoDeployment", here.model.name), rival)
    request, bento = await _altered(here, kube)
    if request is None:
        return seen
    if _is_owned(bento, request.uid):
        return replace(seen, bento_altered=request.name)
    # It is not the model's to correct.
    sentence = (
        f"Bento {request.name} in {request.namespace} belongs to somebody else, and names another image than "
        f"{request.image}, which was built for {here.model.name}: delete it, and the operator has the right one made"
    )
    return _with_holder(seen, ("Bento", request.name), sentence)


def _with_holder(seen: Observed, place: tuple[str, str], sentence: str) -> Observed:
    return replace(seen, foreign=seen.foreign | {place}, holders={**seen.holders, place: sentence})


def _is_owned(body: Object, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in body["metadata"].get("ownerReferences") or ())


async def _rival(here: Situation, kube: Kube) -> str:
    """Return a sentence about a BentoDeployment with the model's name; empty if there is none.

    Yatai writes over the model's Service for it, as often as it looks at it. Asked only if Yatai has done so.
    """
    model, service = here.model, here.seen.service
    if service is None or not service.by_yatai:
        return ""
    found = await kube.get(BENTO_DEPLOYMENTS, model.namespace, model.name)
    if found is None or _is_owned(found, model.uid):
        return ""
    return (
        f"BentoDeployment {model.name} in {model.namespace} has the name of this model, so Yatai writes over "
        f"its Service {model.name}; the operator puts that back each time. Give the BentoDeployment another name"
    )


async def _lost(here: Situation, kube: Kube, now: datetime) -> str:
    """Return the name of a deleted Bento of the serving release or of the target; empty if there is none.

    Asked only if yatai-deployment misses it. A release without its Bento serves on, but cannot be resized.
    """
    wanted = {here.serving, here.target.release if here.target else None}
    for child in here.seen.deployments:
        request = here.seen.request(str(child.spec.get("bento"))) if child.release in wanted else None
        if request is None or not own_work.misses_bento(child, request, here.seen, now):
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
