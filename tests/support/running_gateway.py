"""The gateway as a process of its own, and models to put behind it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from support.gateways import LEAVES, schema
from support.s3 import free_port

COMMAND = (sys.executable, "-P", "-m", "e2i.gateway")
ARRIVED: list[str] = []
"""Paths that models of this process were asked."""
LONGEST = 120.0
"""Seconds; only a bound for a machine under heavy load."""


class Running:
    """A gateway that runs, and a session to ask it."""

    def __init__(self, url: str, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self.url, self.process, self.session = url, process, session

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        async with self.session.post(f"{self.url}{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> int:
        return (await self.read(path))[0]

    async def read(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.url}{path}") as answer:
            return answer.status, await answer.text()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + LONGEST
        while not await holds():
            assert time.monotonic() < deadline, f"{holds.__name__} did not come true"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def model_server(seconds: float = 0.0, status: int = 200) -> AsyncIterator[str]:
    """Yield the address of a model that takes this long for an answer. Models of one address share connections."""

    async def predict(request: web.Request) -> web.Response:
        await request.read()
        ARRIVED.append(request.path)
        await asyncio.sleep(seconds)
        return web.json_response(LEAVES, status=status)

    async def describe(_: web.Request) -> web.Response:
        return web.json_response(schema())

    app = web.Application()
    app.router.add_post("/predict", predict)
    app.router.add_get("/schema.json", describe)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_gateway(
    kubeconfig: str = "", *, command: Sequence[str] = COMMAND, **settings: str
) -> AsyncIterator[Running]:
    """A gateway with these settings, E2I_GATEWAY_ before each, once it is ready."""
    address = f"127.0.0.1:{free_port()}"
    given = {"ADDRESS": address, "DRAIN_SECONDS": "0.5"} | settings
    variables = {f"E2I_GATEWAY_{name}": value for name, value in given.items()}
    if kubeconfig:
        variables["KUBECONFIG"] = kubeconfig
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | variables)
    async with aiohttp.ClientSession() as session:
        found = Running(f"http://{address}", process, session)

        async def is_ready() -> bool:
            assert process.returncode is None
            try:
                return await found.get("/readyz") == 200
            except aiohttp.ClientConnectionError:
                return False

        try:
            await found.until(is_ready)
            yield found
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
