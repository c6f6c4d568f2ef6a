"""Writes a report: the status if it changed, and after that events and log lines for what is new in it."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import datetime

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.status.report import Report
from e2i.controller.core.status.transitions import Transition
from e2i.controller.edge.cache import Cache
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import E2I_MODELS, EVENTS

logger = logging.getLogger("e2i")


async def publish(model: Model, report: Report, kube: Kube, view: Cache, now: datetime) -> None:
    """Raises ApiError when the status could not be written; nothing is announced then."""
    if not report.changed:
        return
    body = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        # With the uid a namesake that was created meanwhile answers with a conflict.
        "metadata": {"name": model.name, "namespace": model.namespace, "uid": model.uid},
        "status": report.status,
    }
    try:
        written = await kube.apply(
            E2I_MODELS, body, manager=naming.FIELD_MANAGER, force=True, subresource="status"
        )
    except ApiError as error:
        if error.status == 404:
            return  # The model is gone: there is nobody to tell.
        raise
    view.put(naming.KIND, written)
    for transition in report.transitions:
        _log(model, transition)
    # Together: the next pass may be the one that moves the address.
    await asyncio.gather(*(_post_event(model, transition, kube, now) for transition in report.transitions))


def _log(model: Model, transition: Transition) -> None:
    logger.log(
        logging.WARNING if transition.warning else logging.INFO,
        "%s/%s %s=%s %s: %s",
        model.namespace,
        model.name,
        transition.type,
        transition.status,
        transition.reason,
        transition.message,
        extra={
            "model": f"{model.namespace}/{model.name}",
            "generation": model.generation,
            "condition": transition.type,
            "status": transition.status,
            "reason": transition.reason,
        },
    )


async def _post_event(model: Model, transition: Transition, kube: Kube, now: datetime) -> None:
    event: Object = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": f"{model.name[:50]}-", "namespace": model.namespace},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": f"{naming.GROUP}/{naming.FIELD_MANAGER}",
        "reportingInstance": os.environ.get("HOSTNAME", naming.FIELD_MANAGER)[:128],
        "action": transition.type,
        "reason": transition.reason,
        "type": "Warning" if transition.warning else "Normal",
        "note": transition.message[:1024],
        "regarding": {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "namespace": model.namespace,
            "name": model.name,
            "uid": model.uid,
        },
    }
    try:
        await kube.create(EVENTS, model.namespace, event)
    except ApiError as error:
        # An event is a courtesy: the condition holds the same words.
        logger.warning("event for %s/%s was not posted: %s", model.namespace, model.name, error)
