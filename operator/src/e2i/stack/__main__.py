"""`python -m e2i.stack --home FOLDER --stack FILE`: the fixed ports of a stack on the local cluster, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from functools import partial
from pathlib import Path

from aiohttp import web

from e2i.kube import ApiError, Kube
from e2i.kube.local_service import local_address
from e2i.local.layout import ClusterHome, load_home
from e2i.stack.description import Stack, read_stack
from e2i.stack.forwarding import Address, Find, forward
from e2i.stack.layout import NAMESPACE, SERVES_ON
from e2i.stack.page import page


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2i.stack", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the cluster's folder")
    parser.add_argument("--stack", type=Path, required=True, help="the description of the stack")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(_run_until_stopped(load_home(arguments.home), read_stack(arguments.stack)))
    except (ApiError, OSError) as error:
        print(f"the ports of the stack cannot be opened: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _run_until_stopped(home: ClusterHome, stack: Stack) -> None:
    running = asyncio.create_task(_run(home, stack))
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _run(home: ClusterHome, stack: Stack) -> None:
    async with await Kube.from_kubeconfig(home.kubeconfig) as kube:
        ports: dict[int, Find] = {
            service.port: partial(_find_service, kube, name) for name, service in stack.services.items()
        }
        pages = await _serve_page(stack)
        try:
            await forward(ports)
        finally:
            await pages.cleanup()


async def _find_service(kube: Kube, name: str) -> Address:
    """Return the address of a model's Service: it leads to the release that serves, also after a switch."""
    address = await local_address(kube, NAMESPACE, name)
    if address is None:
        raise OSError(f"the Service {name} does not exist yet")
    return address, SERVES_ON


async def _serve_page(stack: Stack) -> web.AppRunner:
    """Serve the page in place of Grafana."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=page(stack), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", stack.grafana.port).start()
    return runner


if __name__ == "__main__":
    sys.exit(main())
