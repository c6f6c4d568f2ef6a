"""Publishes a report: writes the status if it changed, then logs its transitions and records Events for them."""

from __future__ import annotations

from datetime import datetime

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.metrics.release_ends import release_ends
from e2i.controller.core.status.report import Report
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.transition_log import log_transition
from e2i.kube import ApiError
from e2i.kube.e2i_kinds import E2I_MODELS


async def publish(model: Model, report: Report, clients: Clients, now: datetime, version: str = "") -> None:
    """Write and announce what changed. ApiError if the status was not written; nothing is announced then.

    With `version`, only if the model is still in it.
    """
    if not report.changed:
        return
    unchanged = {"resourceVersion": version} if version else {}
    body = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        # If a new model has the name by now, the uid makes the API server answer with a conflict.
        "metadata": {"name": model.name, "namespace": model.namespace, "uid": model.uid, **unchanged},
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
    clients.traces.note(model, report.status, now)
    clients.measures.released(model, release_ends(model.status, report.status))
    for transition in report.transitions:
        log_transition(model, transition)
        clients.events.add(model, transition, now)
    for notifier in clients.notifiers:
        notifier.add(model.key)
