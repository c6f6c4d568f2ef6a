"""`python -m e2i.local.node --home <folder of the cluster>`: run the node agent until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from e2i.kube import ApiError, Kube
from e2i.local.errors import ClusterError
from e2i.local.images import ImageStore
from e2i.local.layout import ClusterHome, load_home
from e2i.local.node import machine, sweep
from e2i.local.node.addresses import AddressPool
from e2i.local.node.api_objects import Cluster
from e2i.local.node.guardian import Guardian
from e2i.local.node.nodestatus import Machine, allocatable
from e2i.local.node.pod_workers import Pods
from e2i.local.node.proxy import Proxy
from e2i.local.node.records import BackOff
from e2i.local.node.registration import Registration
from e2i.local.node.reviews import Reviews
from e2i.local.node.server import Server
from e2i.local.node.setup import Node

NAME = "local"
LAST_GRACE = 2.0
"""Seconds that processes have when the agent ends; it must itself be gone within five."""

log = logging.getLogger(__name__)


async def run(home: ClusterHome, backoff: BackOff) -> None:
    """Run the agent until SIGTERM or SIGINT, then end all processes of its pods."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    home.pods.mkdir(parents=True, exist_ok=True)
    await _serve(home, backoff, stopped)


async def _serve(home: ClusterHome, backoff: BackOff, stopped: asyncio.Event) -> None:
    async with contextlib.AsyncExitStack() as stack:
        node_kube = await stack.enter_async_context(await Kube.from_kubeconfig(home.kubeconfig_of("node")))
        proxy_kube = await stack.enter_async_context(await Kube.from_kubeconfig(home.kubeconfig_of("proxy")))
        measured = machine.measure(home.root)
        proxy = Proxy(proxy_kube, Cluster(proxy_kube, "node-proxy", NAME), home)
        guardian = Guardian(home.root)
        shared = shared_by_pods(home, node_kube, proxy, measured, backoff, guardian)
        node = await stack.enter_async_context(shared)
        pods = Pods(node_kube, NAME, node)
        runner = await Server(pods, Reviews(node_kube, NAME)).start(home)
        stack.push_async_callback(runner.cleanup)
        # Only the agent that has the port may treat the processes of this cluster as leftovers.
        killed = await asyncio.to_thread(sweep.kill_cluster, home.root)
        log.info("node %s starts; %d processes of an earlier agent were killed", NAME, killed)
        await guardian.start()
        stack.push_async_callback(guardian.end)
        stack.push_async_callback(pods.halt, LAST_GRACE)
        stack.callback(proxy.close)
        registration = Registration(node_kube, NAME, measured, home.ports.node_agent)
        await _until(stopped, pods.run(), proxy.run(), registration.run(), guardian.keep())


@contextlib.asynccontextmanager
async def shared_by_pods(
    home: ClusterHome, kube: Kube, proxy: Proxy, measured: Machine, backoff: BackOff, guardian: Guardian
) -> AsyncIterator[Node]:
    """Make the clients and values that all pods of the node share; a probe never reuses a connection."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as http:
        yield Node(
            home=home,
            images=ImageStore(home.images),
            cluster=Cluster(kube, "node-agent", NAME),
            http=http,
            addresses=AddressPool(home.addresses.pod_range),
            allocatable=allocatable(measured),
            backoff=backoff,
            guardian=guardian,
            services=proxy.services,
            services_known=proxy.services_known,
            withdraw=proxy.withdraw,
        )


async def _until(stopped: asyncio.Event, *forever: Coroutine[Any, Any, None]) -> None:
    """Run all parts until `stopped`; an error in one of them ends the agent."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in forever]
        await stopped.wait()
        for task in tasks:
            task.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2i.local.node", description=__doc__)
    parser.add_argument(
        "--home", type=Path, required=True, help="folder of the cluster (cluster.json is in it)"
    )
    parser.add_argument(
        "--backoff",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="delay before the second restart of a container; the longest is 30 times, the memory 60 times that",
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    first = options.backoff
    try:
        home = load_home(options.home)
        asyncio.run(run(home, BackOff(first=first, longest=30 * first, forget_after=60 * first)))
    except (ClusterError, ApiError, OSError) as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
