"""Takes the picture from which the series of a scrape are made. Belongs to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from e2i.controller.core.metrics.operator_series import Family, Picture, Watch
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.informer import Informer


def picture(clients: Clients, informers: Iterable[Informer], waiting: int, begun: Iterable[float]) -> Picture:
    """Return what the operator knows now; `waiting` models are due, the running passes began at `begun`."""
    children, now = clients.cache.of_models, asyncio.get_running_loop().time()
    models = clients.cache.models()
    return Picture(
        models=tuple(
            Family(each, children.deployments(each), children.requests(each), children.pods(each.key))
            for each in models
        ),
        watches=tuple(
            Watch(kind=each.source.kind, age=now - each.alive_at, is_failing=bool(each.problem))
            for each in informers
            if each.alive_at is not None
        ),
        waiting=waiting,
        passes=tuple(now - each for each in begun),
        hung=clients.export_jobs.hung,
        missing=clients.bucket_refill.missing if clients.bucket_refill else 0,
        probes=clients.golden_probe.results if clients.golden_probe else {},
    )
