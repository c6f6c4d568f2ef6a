"""Serves the operator's health: /healthz for the liveness and startup probes, /readyz for the readiness probe.

kopf's own endpoint begins only after the start, and cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from e2i.controller.core.health import Health
from e2i.controller.edge.http_server import HttpServer


class HealthServer(HttpServer):
    """An HTTP server with two paths; each answers 200 or 503, with the whole health as JSON."""

    def __init__(self, health: Callable[[], Health]) -> None:
        self._health = health
        super().__init__({"/healthz": self._alive, "/readyz": self._ready})

    async def _alive(self, _: web.Request) -> web.Response:
        health = self._health()
        return _answer(health, health.is_alive)

    async def _ready(self, _: web.Request) -> web.Response:
        health = self._health()
        return _answer(health, health.is_ready)


def _answer(health: Health, is_good: bool) -> web.Response:
    shown = {"stale": health.stale, "unready": health.unready, **health.numbers}
    return web.json_response(shown, status=200 if is_good else 503)
