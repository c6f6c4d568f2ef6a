"""The gateway beside direct calls of a bento, beside a model that fails, and over many requests.

The figures are ratios of what was measured in turns, so a busy machine changes both sides.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from benchmarks.figures import machine, percentile, say, table
from benchmarks.goals import FULL, SMALL, Goal, Report, Sizes
from benchmarks.requesting import load
from support.bentoserver import BentoServer, bento_server, wait_for
from support.built_bentos import put_sample
from support.running_gateway import Running, running_gateway

CUSTOMER = {
    "tenure_months": 3,
    "monthly_charge": 95.0,
    "support_calls": 8,
    "contract": "two_year",
    "autopay": False,
}
BODY = json.dumps({"input_data": CUSTOMER}).encode()
GOOD, BAD = "/api/models/good/predict", "/api/models/bad/predict"
CALLERS = 16
FEW = 4
"""Callers of the good model while the other one fails: enough for its p99, too few for a queue."""
BAD_RATE = 50.0
"""Requests a second to the model that fails."""
PARTS = 5
LEAST_THROUGHPUT, MOST_P99, MOST_GROWTH = 0.8, 1.5, 4.0
"""The last in MiB, from the first part of the many requests to the last."""


@dataclass(frozen=True)
class Turn:
    rate: float
    p99: float
    cpu: float
    """Milliseconds of the gateway's CPU for each request."""


def report(sizes: Sizes = FULL) -> Report:
    """The section, measured now."""
    return asyncio.run(_report(sizes))


async def _report(sizes: Sizes) -> Report:
    small = sizes is SMALL
    rounds, seconds, many = (1, 2.0, 2_000) if small else (5, 5.0, 100_000)
    with tempfile.TemporaryDirectory(prefix="e2i-bench-") as folder:
        root = Path(folder)
        put_sample(root, "churn")
        taken_on = machine(root)
        beside = [await _beside_direct(root, workers, rounds, seconds) for workers in (1, 2)]
        failing = await _while_one_fails(root, rounds, seconds)
        grown = await _over_many(root, many)
    goals = [goal for _, goals in beside for goal in goals] + failing[1] + [grown]
    rows = [row for rows, _ in beside for row in rows]
    head = ("workers of the bento", "way", "requests/s", "p99 ms", "CPU of the gateway, ms")
    text = (
        f"{CALLERS} callers that ask as soon as they are answered; the bento is `churn`, medians of {rounds} turns.",
        table(head, rows, words=2),
        f"{FEW} callers of a good model while another one gets {BAD_RATE:g} requests a second and fails:",
        table(("the other model", "p99 ms of the good one"), failing[0]),
        taken_on,
    )
    return Report("\n\n".join(text), goals)


@contextlib.asynccontextmanager
async def _served(root: Path, workers: int, bad: str = "") -> AsyncIterator[tuple[BentoServer, Running]]:
    """The bento, and a gateway in front of it."""
    options = f"services.ChurnModel.workers={workers}"
    with bento_server("churn_model:1.0.0", root, BENTOML_CONFIG_OPTIONS=options) as server:
        await asyncio.to_thread(wait_for, f"{server.url}/readyz")
        file = root / "endpoints.yaml"
        models = {"good": server.url} | ({"bad": bad} if bad else {})
        file.write_text(yaml.safe_dump({"models": models}))
        async with running_gateway(ENDPOINTS=str(file), TIMEOUT_SECONDS="2") as gateway:
            await load(_port(gateway), GOOD, BODY, CALLERS, 1.0)
            yield server, gateway


async def _beside_direct(
    root: Path, workers: int, rounds: int, seconds: float
) -> tuple[list[tuple[str, ...]], list[Goal]]:
    turns: dict[str, list[Turn]] = {"direct": [], "gateway": []}
    async with _served(root, workers) as (server, gateway):
        for number in range(rounds):
            say(f"  {workers} workers, round {number + 1} of {rounds}")
            for way, (port, route) in {
                "direct": (server.port, "/predict"),
                "gateway": (_port(gateway), GOOD),
            }.items():
                turns[way].append(await _turn(gateway, port, route, CALLERS, seconds))
    middle = {way: _median(each) for way, each in turns.items()}
    rows = [
        (str(workers), way, f"{turn.rate:.0f}", f"{1000 * turn.p99:.0f}", f"{turn.cpu:.2f}")
        for way, turn in middle.items()
    ]
    rate = middle["gateway"].rate / middle["direct"].rate
    p99 = middle["gateway"].p99 / middle["direct"].p99
    named = f"through the gateway, bento with {workers} workers"
    return rows, [
        Goal(f"throughput {named}: at least 0.8 of direct", f"{rate:.2f}", rate >= LEAST_THROUGHPUT),
        Goal(f"p99 {named}: at most 1.5 of direct", f"{p99:.2f}", p99 <= MOST_P99),
    ]


async def _while_one_fails(
    root: Path, rounds: int, seconds: float
) -> tuple[list[tuple[str, str]], list[Goal]]:
    found: dict[str, list[float]] = {}
    for fault, answer in {"hangs": None, "dies": b"", "answers garbage": b"\x16\x03no HTTP\r\n\r\n"}.items():
        async with _failing(answer) as bad, _served(root, 1, bad) as (_, gateway):
            for number in range(rounds):
                say(f"  one model {fault}, round {number + 1} of {rounds}")
                for disturbed in (False, True):
                    asking = asyncio.create_task(_ask_bad(gateway)) if disturbed else None
                    turn = await _turn(gateway, _port(gateway), GOOD, FEW, seconds)
                    found.setdefault(fault if disturbed else "is not asked", []).append(turn.p99)
                    if asking:
                        asking.cancel()
                        await asyncio.gather(asking, return_exceptions=True)
    alone = statistics.median(found["is not asked"])
    ratios = {fault: statistics.median(each) / alone for fault, each in found.items()}
    rows = [(fault, f"{1000 * ratio * alone:.1f}") for fault, ratio in ratios.items()]
    goals = [
        Goal(f"p99 of others while a model {fault}: at most 1.5", f"{ratio:.2f}", ratio <= MOST_P99)
        for fault, ratio in ratios.items()
        if fault != "is not asked"
    ]
    return rows, goals


async def _over_many(root: Path, many: int) -> Goal:
    """Memory after each part of many requests to a model that answers at once."""
    sizes: list[float] = []
    async with _failing(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    ) as url:
        file = root / "endpoints.yaml"
        file.write_text(yaml.safe_dump({"models": {"good": url}}))
        async with running_gateway(ENDPOINTS=str(file)) as gateway:
            process = psutil.Process(gateway.process.pid)
            for part in range(PARTS):
                asked = 0
                while asked < many / PARTS:
                    asked += len((await load(_port(gateway), GOOD, BODY, CALLERS, 2.0)).seconds)
                sizes.append(process.memory_info().rss / 2**20)
                say(f"  part {part + 1} of {PARTS}: {sizes[-1]:.1f} MiB")
    growth = sizes[-1] - sizes[0]
    words = (
        f"memory over {many} requests: grows by at most {MOST_GROWTH:g} MiB after the first {many // PARTS}"
    )
    return Goal(words, f"{growth:+.1f} MiB, {sizes[-1]:.0f} in all", growth <= MOST_GROWTH)


async def _turn(gateway: Running, port: int, route: str, callers: int, seconds: float) -> Turn:
    process = psutil.Process(gateway.process.pid)
    before = sum(process.cpu_times()[:2])
    done = await load(port, route, BODY, callers, seconds)
    cpu = 1000 * (sum(process.cpu_times()[:2]) - before) / len(done.seconds)
    return Turn(done.rate, percentile(done.seconds, 0.99), cpu)


def _median(turns: list[Turn]) -> Turn:
    return Turn(
        statistics.median(turn.rate for turn in turns),
        statistics.median(turn.p99 for turn in turns),
        statistics.median(turn.cpu for turn in turns),
    )


def _port(gateway: Running) -> int:
    return int(gateway.url.rpartition(":")[2])


async def _ask_bad(gateway: Running) -> None:
    """Send requests at a steady rate, whatever comes of them."""

    async def ask() -> None:
        async with gateway.session.post(f"{gateway.url}{BAD}", data=BODY) as answer:
            await answer.read()

    async with asyncio.TaskGroup() as asking:
        while True:
            asking.create_task(ask())
            await asyncio.sleep(1 / BAD_RATE)  # The pace of the load, whether the model answers or not.


@contextlib.asynccontextmanager
async def _failing(answer: bytes | None) -> AsyncIterator[str]:
    """A server that answers each request with these bytes, or never; it closes after what is no HTTP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                await reader.readexactly(len(BODY))
                if answer is None:
                    await reader.read()
                    break
                writer.write(answer)
                if not answer.startswith(b"HTTP"):
                    break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
