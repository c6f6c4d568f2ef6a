"""Finds the model that is to score, and what it takes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from e2i.client import AsyncClient, BreakerSettings, ClientError, Endpoints, Metrics, Settings
from e2i.client.cluster import read_release
from e2i.kube import Kube
from e2i.scoring.asking import Asking, as_it_is
from e2i.scoring.errors import ScoringError
from e2i.scoring.features import BATCH_ROUTE, ROW_ROUTE, Features, features_of
from e2i.scoring.options import Options
from e2i.scoring.pace import Pace

# Each try is one request, because the pace has to know of every overload. The circuit opens only when nothing succeeds:
# to find a bad row among many takes some requests that fail.
BREAKER = BreakerSettings(failure_ratio=1.0, min_requests=20, open_seconds=5.0)


class ClusterModel:
    """A model of a cluster, at the address of the release that serves, or of one that was chosen."""

    def __init__(self, kube: Kube, namespace: str, name: str, release: str) -> None:
        self._place = kube, namespace, name
        self._release = release
        self.endpoints = Endpoints()

    async def refresh(self) -> None:
        """Look for the release again. While nothing serves, the last one stays."""
        kube, namespace, name = self._place
        try:
            self.endpoints.put(await read_release(kube, namespace, name, self._release))
        except ClientError as error:
            if name not in self.endpoints:
                raise ScoringError(error.message) from error


@asynccontextmanager
async def asking(
    endpoints: Endpoints, options: Options, cluster: ClusterModel | None
) -> AsyncIterator[Asking]:
    """Yield the model, ready to be asked; ScoringError if it is not to be reached or has no route for rows."""
    settings = Settings(attempts=1, deadline=options.deadline, connections=options.most, breaker=BREAKER)
    async with AsyncClient(endpoints, settings=settings, metrics=Metrics()) as client:
        route, features = await _route(client, options.model)
        yield Asking(
            client=client,
            model=options.model,
            route=route,
            features=features,
            pace=Pace(options.most),
            deadline=options.deadline,
            patience=options.patience,
            refresh=cluster.refresh if cluster else as_it_is,
        )


async def _route(client: AsyncClient, model: str) -> tuple[str, Features]:
    """Return the route for many rows, or that for one, and its features."""
    base = client.endpoints.find(model).base
    place = ""
    try:
        answer = await client.send(model, "GET", "schema.json")
        if answer.status == 404 and base.path.strip("/"):
            # One of several models of a server: the schema is the server's.
            place = base.path.rstrip("/")
            whole = Endpoints.from_mapping({model: str(base.origin())})
            async with AsyncClient(whole, settings=client.settings, metrics=Metrics()) as other:
                answer = await other.send(model, "GET", "schema.json")
    except ClientError as error:
        raise ScoringError(error.message) from error
    schema = json.loads(answer.body) if answer.status == 200 else None
    for route in (BATCH_ROUTE, ROW_ROUTE):
        features = features_of(schema, f"{place}/{route}")
        if features is not None:
            return route, features
    if schema is None:
        return ROW_ROUTE, Features({})
    raise ScoringError(
        f"{model} at {base} has neither a route {BATCH_ROUTE} nor {ROW_ROUTE}: rows can be scored only by these."
    )
