"""Keep the Node object and its Lease up to date, so that the cluster knows that this node lives."""

from __future__ import annotations

import asyncio
import logging

from e2i import __version__
from e2i.kube import ApiError, Kube, Object
from e2i.local.node import clock
from e2i.local.node.node_kinds import LEASES, NODES
from e2i.local.node.nodestatus import Machine, is_ready, node_object, node_status

log = logging.getLogger(__name__)
RENEW_EVERY = 10.0
LEASE_SECONDS = 40
RETRY_EVERY = 1.0
REPORT_EVERY = 300.0


class Registration:
    """Registers the node and renews its Lease."""

    def __init__(self, kube: Kube, name: str, machine: Machine, port: int) -> None:
        self._kube = kube
        self._name = name
        self._machine = machine
        self._port = port
        self._reported = 0.0

    async def run(self) -> None:
        """Register, then renew for ever."""
        while True:
            try:
                await self._report()
                await self._renew()
                delay = RENEW_EVERY
            except ApiError as error:
                log.warning("node %s could not be renewed: %s; trying again", self._name, error)
                delay = RETRY_EVERY
            await asyncio.sleep(delay)

    async def _report(self) -> None:
        """Write the Node's status at the start, if the API says that the node is not ready, and every 300 s."""
        node = await self._kube.get(NODES, None, self._name)
        if node is None:
            node = await self._kube.create(NODES, None, node_object(self._name, self._machine))
            log.info("node %s is registered", self._name)
        elif is_ready(node) and clock.now() < self._reported + REPORT_EVERY:
            return
        old = node.get("status") or {}
        status = node_status(self._machine, old, self._port, __version__, clock.now())
        await self._kube.patch(
            NODES, None, self._name, {"status": status}, subresource="status", strategic=True
        )
        self._reported = clock.now()

    async def _renew(self) -> None:
        spec: Object = {
            "holderIdentity": self._name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": clock.micro_timestamp(clock.now()),
        }
        lease: Object = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": "kube-node-lease"},
            "spec": spec,
        }
        try:
            await self._kube.patch(LEASES, "kube-node-lease", self._name, {"spec": spec})
        except ApiError as error:
            if error.status != 404:
                raise
            await self._kube.create(LEASES, "kube-node-lease", lease)
