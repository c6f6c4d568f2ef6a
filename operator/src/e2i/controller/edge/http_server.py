"""A small HTTP server of the operator: a handler for each path, all of them GET."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

CLOSE_WITHIN = 1.0
"""Seconds that requests under way have at the end."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


class HttpServer:
    """Serves `handlers` by their paths."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        app = web.Application()
        for path, handler in handlers.items():
            app.router.add_get(path, handler)
        self._runner = web.AppRunner(
            app, handle_signals=False, shutdown_timeout=CLOSE_WITHIN, access_log=None
        )

    async def start(self, host: str, port: int) -> None:
        """Listen at the address; OSError if it cannot be had."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def close(self) -> None:
        """Close all connections."""
        await self._runner.cleanup()
