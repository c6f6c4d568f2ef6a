"""Serve the pages on this machine. Every page is read from the cluster when it is asked for; nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from e2i import clock
from e2i.api.conditions import timestamp
from e2i.dashboard.pages import error_page, model_page, overview
from e2i.kube import ApiError, Kube
from e2i.kube.e2i_kinds import E2I_MODELS

HOST = "127.0.0.1"
NAMES = frozenset({HOST, "localhost"})
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
"""The pages load nothing from anywhere, and run no script."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Pages:
    """Answers requests with what the user may read in `namespace`, or in all if it is None."""

    kube: Kube
    namespace: str | None

    async def show_all(self, request: web.Request) -> web.Response:
        """The list of models; `search` in the query chooses some."""
        models, _ = await self.kube.list(E2I_MODELS, self.namespace)
        place = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        return _html(overview(models, place, request.query.get("search", ""), _now()))

    async def show_one(self, request: web.Request) -> web.Response:
        """The page of one model; 404 if there is none."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        model = await self.kube.get(E2I_MODELS, namespace, name)
        if model is None:
            message = f"There is no model {name} in namespace {namespace}."
            return _html(error_page("Not found", message, _now()), status=404)
        return _html(model_page(model, _now()))


def application(pages: Pages) -> web.Application:
    """Return the web application."""
    app = web.Application(middlewares=[_only_from_here, _report_errors])
    name = "[a-z0-9][-a-z0-9.]*"
    app.router.add_get("/", pages.show_all)
    app.router.add_get(f"/models/{{namespace:{name}}}/{{name:{name}}}", pages.show_one)
    return app


async def serve(pages: Pages, port: int, opened: Callable[[str], None]) -> None:
    """Serve until cancelled. `opened` is called with the address; OSError if the port is in use."""
    runner = web.AppRunner(application(pages), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        await site.start()
        opened(f"http://{HOST}:{runner.addresses[0][1]}/")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


@web.middleware
async def _only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for other host names: a page elsewhere could point its own name at this machine."""
    if request.url.host not in NAMES:
        return web.Response(status=403, text=f"Open http://{HOST} instead of {request.host}.\n")
    answer = await handler(request)
    answer.headers.update(
        {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    )
    return answer


@web.middleware
async def _report_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        message = (
            f"The API server refused or did not answer: {error}. Look at your kubeconfig, then read again."
        )
        return _html(error_page("The cluster cannot be read", message, _now()), status=502)


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


def _now() -> str:
    return timestamp(clock.now())
