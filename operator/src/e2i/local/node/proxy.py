"""Do the work of kube-proxy: forward each Service's address and ports to the endpoints that are ready."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging

from e2i.kube import Kube, Object, Resource, Snapshot
from e2i.local.layout import ClusterHome
from e2i.local.node.api_objects import Cluster
from e2i.local.node.forwarding import Listener
from e2i.local.node.node_kinds import ENDPOINT_SLICES, SERVICES
from e2i.local.node.routing import Backend, Front, Route, endpoint_addresses, on_machine, routes

log = logging.getLogger(__name__)
RETRY_EVERY = 5.0
Key = tuple[str, str]


class Proxy:
    """Watches Services and EndpointSlices, and keeps one listener for each port that has endpoints."""

    def __init__(self, kube: Kube, cluster: Cluster, home: ClusterHome) -> None:
        self._kube = kube
        self._cluster = cluster
        self._home = home
        self._services: dict[Key, Object] = {}
        self._slices: dict[Key, Object] = {}
        self._known = {SERVICES: asyncio.Event(), ENDPOINT_SLICES: asyncio.Event()}
        self._changed = asyncio.Event()
        self._listeners: dict[Front, Listener] = {}
        self._refused: dict[Front, str] = {}
        self._withdrawn: set[str] = set()

    @property
    def services_known(self) -> asyncio.Event:
        return self._known[SERVICES]

    def services(self) -> list[Object]:
        """Return all Services, by namespace and name."""
        return [self._services[key] for key in sorted(self._services)]

    def withdraw(self, address: str) -> None:
        """Send no new connections to the pod with this address; existing ones go on."""
        self._withdrawn.add(address)
        for listener in self._listeners.values():
            here = on_machine((address, 0), self._home.addresses)[0]
            listener.backends = tuple(backend for backend in listener.backends if backend[0] != here)

    async def run(self) -> None:
        """Forward connections for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(SERVICES, self._services))
            tasks.create_task(self._watch(ENDPOINT_SLICES, self._slices))
            tasks.create_task(self._follow())

    def close(self) -> None:
        for listener in self._listeners.values():
            listener.close()

    async def _watch(self, resource: Resource, store: dict[Key, Object]) -> None:
        async for news in self._kube.watch(resource):
            if isinstance(news, Snapshot):
                store.clear()
                store.update({_key(each): each for each in news.objects})
                self._known[resource].set()
            elif news.type == "DELETED":
                store.pop(_key(news.object), None)
            else:
                store[_key(news.object)] = news.object
            self._changed.set()

    async def _follow(self) -> None:
        for known in self._known.values():
            await known.wait()
        while True:
            self._changed.clear()
            await self._apply()
            # A port that is in use may become free without any change in the API.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_EVERY if self._refused else None):
                    await self._changed.wait()

    async def _apply(self) -> None:
        slices = list(self._slices.values())
        self._withdrawn &= endpoint_addresses(slices)
        api_server = ("127.0.0.1", self._home.ports.api_server)
        table = routes(self._services.values(), slices, api_server)
        for front in [*self._listeners]:
            if front not in table:
                self._listeners.pop(front).close()
        self._refused = {front: why for front, why in self._refused.items() if front in table}
        for front, route in table.items():
            await self._serve(front, route)

    async def _serve(self, front: Front, route: Route) -> None:
        backends = self._usable(route)
        listener = self._listeners.get(front)
        if not backends:
            # Without an endpoint connections are refused, as with kube-proxy.
            if listener:
                self._listeners.pop(front).close()
            return
        if listener is None:
            listener = Listener()
            listener.backends = backends
            try:
                await listener.open(*front)
            except OSError as error:
                await self._refuse(front, route, error)
                return
            self._refused.pop(front, None)
            self._listeners[front] = listener
            # The pod may have been withdrawn while the listener was opened.
            backends = self._usable(route)
        listener.backends = backends

    def _usable(self, route: Route) -> tuple[Backend, ...]:
        addresses = self._home.addresses
        return tuple(on_machine(b, addresses) for b in route.backends if b[0] not in self._withdrawn)

    async def _refuse(self, front: Front, route: Route, error: OSError) -> None:
        """Log once, and post an event, that the port cannot be forwarded and why."""
        why = {
            errno.EACCES: "this user may not listen on ports below 1024; give the Service a higher port",
            errno.EADDRINUSE: "another process listens there (perhaps on 0.0.0.0); let it use its pod's address",
        }.get(error.errno or 0, str(error))
        message = f"{front[0]}:{front[1]} is not forwarded: {why}"
        if self._refused.get(front) == message:
            return
        self._refused[front] = message
        log.warning("service %s/%s: %s", route.namespace, route.service, message)
        service = self._services.get((route.namespace, route.service))
        if service:
            await self._cluster.event(service | {"kind": "Service"}, "Warning", "PortNotForwarded", message)


def _key(object_: Object) -> Key:
    return object_["metadata"]["namespace"], object_["metadata"]["name"]
