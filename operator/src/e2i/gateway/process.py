"""The process of the gateway: it starts, follows models and keys, serves, and ends without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

import aiohttp
import uvicorn
from prometheus_client import start_http_server

from e2i import clock
from e2i.gateway.app import App
from e2i.gateway.asking import Asking
from e2i.gateway.callers import Callers
from e2i.gateway.core.access import OPEN
from e2i.gateway.core.interface import Interface
from e2i.gateway.core.models import Model
from e2i.gateway.core.routing import Key
from e2i.gateway.directory import Directory
from e2i.gateway.edge.cluster_models import ClusterModels, connect
from e2i.gateway.edge.files import WatchedFile, read_access, read_models
from e2i.gateway.edge.interfaces import read_interface
from e2i.gateway.edge.metrics import Metrics
from e2i.gateway.edge.tokens import Tokens
from e2i.gateway.edge.upstream import Upstream
from e2i.gateway.inference import Inference
from e2i.gateway.pages import Pages
from e2i.gateway.routes import Routes
from e2i.gateway.settings import Settings
from e2i.kube import ApiError
from e2i.kube.waiting import when_possible
from e2i.variables import BadSetting

KEEP_ALIVE = 75
"""Seconds that an unused connection is kept: longer than load balancers keep theirs, so that they close first."""
LAST_REQUESTS = 5.0
"""Seconds beyond the timeout of a request after which the process ends ."""
logger = logging.getLogger("e2i.gateway")


class Gateway:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sources: list[ClusterModels] = []
        self.metrics = Metrics()
        self._upstream = Upstream(settings.timeout, settings.most_requests)
        self.directory = Directory(self._read_interface, (self._upstream, self.metrics))
        tokens = Tokens(self._http, lambda: clock.now().timestamp())
        self.callers = Callers(tokens.caller, time.monotonic)
        asking = Asking(self.directory, self._upstream, settings.timeout, settings.most_requests)
        self.metrics.follow_circuits(self._circuits)
        pages = Pages(self.directory, self.metrics, self._circuits, self._unready)
        inference = Inference(self.directory, asking)
        routes = Routes(self.directory, self.callers, asking, inference, pages)
        self.app = App(routes.admit, self.metrics, settings.most_body, settings.timeout)

    async def start(self) -> None:
        """Read keys and models; BadSetting if a file cannot be used. A cluster may come later."""
        settings = self._settings
        if settings.is_open:
            self.callers.access = OPEN
            logger.warning(
                "no keys are asked for: everybody who reaches %s may ask every model", settings.address
            )
        else:
            keys = WatchedFile("E2I_GATEWAY_ACCESS", settings.access_file, read_access, self._take_access)
            self._follow("the access file", keys.run())
        if settings.endpoints:
            models = WatchedFile(
                "E2I_GATEWAY_ENDPOINTS", settings.endpoints, read_models, self.directory.replace
            )
            self._follow("the models' file", models.run())
        else:
            self._follow("the cluster", self._follow_cluster())

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.directory.close()
        await self._upstream.close()
        if self._session:
            await self._session.close()

    def drain(self) -> None:
        """Be unready, and have connections closed after their next answer."""
        self.app.is_draining = True

    def _unready(self) -> str:
        if self.app.is_draining:
            return "the gateway ends"
        if not self.directory.is_known:
            return (
                "; ".join(each.problem for each in self._sources if each.problem)
                or "the models are not listed yet"
            )
        return ""

    def _circuits(self) -> dict[Key, str]:
        return self._upstream.circuits(self.directory.table.models)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def _read_interface(self, model: Model) -> Interface | None:
        return await read_interface(self._http(), model.url)

    def _take_access(self, access: Any) -> None:
        self.callers.access = access

    async def _follow_cluster(self) -> None:
        kube = await when_possible(partial(connect, self._settings.service_account), _not_yet)
        try:
            self._sources = [
                ClusterModels(kube, self.directory, namespace)
                for namespace in self._settings.namespaces or (None,)
            ]
            async with asyncio.TaskGroup() as group:
                for source in self._sources:
                    group.create_task(source.run())
        finally:
            await kube.close()

    def _follow(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(partial(_ended, what))
        self._tasks.append(task)


class _Server(uvicorn.Server):
    """Leaves the signals to `serve`: it first becomes unready."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; BadSetting if that is impossible."""
    gateway = Gateway(settings)
    listening = listen(settings)
    if settings.metrics_address:
        host, _, port = settings.metrics_address.rpartition(":")
        try:
            start_http_server(int(port), host, gateway.metrics.registry)
        except OSError as error:
            raise BadSetting(f"E2I_GATEWAY_METRICS_ADDRESS={settings.metrics_address}: {error}") from error
    server = _Server(_config(gateway, settings))
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    try:
        await gateway.start()
        serving = asyncio.create_task(server.serve([listening]))
        logger.info("answering at http://%s, documentation at /docs", settings.address)
        await ending.wait()
        logger.info("ending: requests are taken for %g s more", settings.drain)
        gateway.drain()
        await asyncio.sleep(settings.drain)
        server.should_exit = True
        await serving
    finally:
        await gateway.stop()


def _config(gateway: Gateway, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        gateway.app,
        loop="asyncio",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=round(settings.timeout + LAST_REQUESTS),
    )


def listen(settings: Settings) -> socket.socket:
    """Return the socket on which callers connect; BadSetting if the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server(
            (settings.host.strip("[]"), settings.port), family=family, backlog=2048
        )
    except OSError as error:
        raise BadSetting(
            f"E2I_GATEWAY_ADDRESS={settings.address}: {error.strerror or error}; choose another port"
        ) from error
    # Connections inherit it. An answer is written in two parts, its head first, and with Nagle's algorithm the second
    # part waits until the caller has acknowledged the first: 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _not_yet(error: ApiError) -> None:
    logger.warning("the cluster cannot be followed yet: %s", error)


def _ended(what: str, task: asyncio.Task[None]) -> None:
    """End the process if something that should never end did: nobody knows what else is wrong."""
    if not task.cancelled():
        logger.critical("%s is not followed any more; the gateway ends", what, exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)
