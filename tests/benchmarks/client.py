"""What a prediction costs through e2i.client and through bare HTTP libraries, in turns, request by request.

The server is the real `bentoml serve` with the smallest bento; each side sends and reads the same JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import httpx
import requests
import stamina
from benchmarks.figures import PROJECT, machine, percentile, spread, table
from benchmarks.goals import FULL, Goal, Report, Sizes
from support.bentoserver import bento_server, wait_for

from e2i.client import AsyncClient, Client, Endpoints

ROUNDS = 7
GOAL = 1.10
MESSAGE = {"text": "x" * 200}
BODY = {"input_data": MESSAGE}
BARE, OURS, OURS_SYNC = "aiohttp", "e2i.client", "e2i.client, synchronous"
Call = Callable[[], Awaitable[object]]


@dataclass
class Taken:
    """Milliseconds of one side's requests, by round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def report(sizes: Sizes = FULL) -> Report:
    """The section, measured now."""
    with (
        tempfile.TemporaryDirectory(prefix="e2i-bench-") as home,
        bento_server("service:Echo", Path(home), folder=PROJECT / "bentos" / "echo") as server,
    ):
        wait_for(f"{server.url}/readyz")
        taken_on = machine(Path(home))
        taken = asyncio.run(_measure(server.url, 100 if sizes is FULL else 20))
    ratios = [ours / bare for ours, bare in zip(taken[OURS].p50, taken[BARE].p50, strict=True)]
    goal = Goal(
        f"p50 of a prediction by e2i.client at most {GOAL} times that of bare aiohttp",
        spread(ratios, 2),
        statistics.median(ratios) <= GOAL,
    )
    return Report(f"{_text(taken)}\n\n{taken_on}", [goal])


async def _measure(url: str, requests_a_round: int) -> dict[str, Taken]:
    async with _sides(url) as sides:
        taken = {name: Taken() for name in sides}
        for call in sides.values():
            for _ in range(20):
                await call()
        for _ in range(ROUNDS):
            seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
            for _ in range(requests_a_round):
                for name, call in sides.items():
                    started, cpu = time.perf_counter(), time.process_time()
                    await call()
                    seconds[name].append((time.perf_counter() - started, time.process_time() - cpu))
            for name, each in seconds.items():
                times = [1000 * one for one, _ in each]
                taken[name].p50.append(statistics.median(times))
                taken[name].p99.append(percentile(times, 0.99))
                taken[name].cpu.append(1000 * statistics.mean(cpu for _, cpu in each))
    return taken


@asynccontextmanager
async def _sides(url: str) -> AsyncIterator[dict[str, Call]]:
    endpoints = Endpoints.from_mapping({"echo": url})
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(aiohttp.ClientSession())
        ours = await stack.enter_async_context(AsyncClient(endpoints))
        synchronous = stack.enter_context(Client(endpoints))
        other = await stack.enter_async_context(httpx.AsyncClient())
        session = stack.enter_context(requests.Session())

        async def by_aiohttp() -> object:
            async with bare.post(f"{url}/predict", json=BODY) as response:
                response.raise_for_status()
                return await response.json()

        async def by_aiohttp_in_stamina() -> object:
            async for attempt in stamina.retry_context(on=aiohttp.ClientError, attempts=4):
                with attempt:
                    return await by_aiohttp()
            raise AssertionError("the last attempt returns or raises")

        async def by_httpx() -> object:
            response = await other.post(f"{url}/predict", json=BODY)
            return json.loads(response.raise_for_status().content)

        async def by_requests() -> object:
            response = session.post(f"{url}/predict", json=BODY)
            response.raise_for_status()
            return response.json()

        async def by_ours_synchronously() -> object:
            return synchronous.predict("echo", MESSAGE)

        yield {
            BARE: by_aiohttp,
            OURS: lambda: ours.predict("echo", MESSAGE),
            "aiohttp, each request in stamina": by_aiohttp_in_stamina,
            "httpx": by_httpx,
            OURS_SYNC: by_ours_synchronously,
            "requests, synchronous": by_requests,
        }


def _text(taken: dict[str, Taken]) -> str:
    bare = taken[BARE]
    rows = [
        (
            name,
            spread(side.p50, 2),
            f"{statistics.median(a / b for a, b in zip(side.p50, bare.p50, strict=True)):.2f}",
            spread(side.p99, 2),
            spread(side.cpu, 2),
        )
        for name, side in taken.items()
    ]
    header = ("by", "p50, ms", "ratio to aiohttp", "p99, ms", "CPU of the caller, ms")
    return (
        f"One caller asks the bento echo, under `bentoml serve` with one worker, {ROUNDS} rounds; the sides take turns "
        f"request by request.\n\n{table(header, rows)}"
    )
