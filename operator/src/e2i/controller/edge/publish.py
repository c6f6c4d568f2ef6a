"""Publishes a report: writes the status if it changed, then logs its transitions and records Events for them."""

from __future__ import annotations

import logging
from datetime import datetime

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.status.report import Report
from e2i.controller.core.status.transitions import Transition
from e2i.controller.edge.clients import Clients
from e2i.kube import ApiError
from e2i.kube.e2i_kinds import E2I_MODELS

logger = logging.getLogger("e2i")


async def publish(model: Model, report: Report, clients: Clients, now: datetime) -> None:
    """Write and announce what changed. ApiError if the status was not written; nothing is announced then."""
    if not report.changed:
        return
    body = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        # If a new model has the name by now, the uid makes the API server answer with a conflict.
        "metadata": {"name": model.name, "namespace": model.namespace, "uid": model.uid},
        "status": report.status,
    }
    try:
        with clients.own_writes.writing(naming.KIND, model.key):
            written = await clients.kube.apply(
                E2I_MODELS, body, manager=naming.FIELD_MANAGER, force=True, subresource="status"
            )
            clients.cache.put(naming.KIND, written)
    except ApiError as error:
        if error.status == 404:
            return  # The model is gone.
        raise
    for transition in report.transitions:
        _log(model, transition)
        clients.events.add(model, transition, now)


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
