"""Serves the operator's metrics on a port of their own, so that a NetworkPolicy can let in Prometheus alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from e2i.controller.core.metrics.series import Series
from e2i.controller.edge.http_server import HttpServer
from e2i.controller.edge.measures import Measures


class MetricsServer(HttpServer):
    """An HTTP server with one path."""

    def __init__(self, measures: Measures, series: Callable[[], Iterable[Series]]) -> None:
        """`series` takes a picture of the present state, and returns what is made of it when it is read."""
        self._measures = measures
        self._series = series
        super().__init__({"/metrics": self._metrics})

    async def _metrics(self, _: web.Request) -> web.Response:
        # In a thread: a thousand models are ten thousand lines, and no pass waits for them.
        page = await asyncio.to_thread(self._measures.page, self._series())
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
