"""A thousand models at once, five thousand that rest, one that never rests, and two hundred that fail.

One row for each goal. Yatai and the pods are played (`fast_yatai`), so the operator and the API server have the
machine to themselves. F0 (`floor.py`) is the least that any operator could do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import hammer
from benchmarks.audit import tally
from benchmarks.fast_yatai import BAD, FastYatai
from benchmarks.figures import machine, percentile, say, table
from benchmarks.fleet import Fleet
from benchmarks.floor_bodies import prepared_bodies
from benchmarks.latency import TAG, Bench, Series, floor_running
from benchmarks.observer import Observer
from benchmarks.plant import (
    NAMESPACE,
    OPERATOR_USER,
    bench_cluster,
    operator,
    peak_memory,
    service_account,
    usage,
)
from benchmarks.store import export_ahead, put_bento

from e2i import clock
from e2i.kube import Kube
from e2i.kube.e2i_kinds import E2I_MODELS
from e2i.local.layout import ClusterHome

COMPONENTS = ("etcd", "s3", "kube-apiserver")
BEHIND = "bench-behind"
SETTLE = 5.0


@dataclass(frozen=True)
class Sizes:
    """How many models each part takes."""

    one_at_a_time: int = 100
    burst: int = 1000
    sample: int = 200
    fleet: int = 5000
    neighbours: int = 60
    failing: int = 200
    waiting_seconds: float = 20.0
    failing_seconds: float = 120.0


@dataclass
class Results:
    """(what, measured, goal), in the order of their measuring."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, measured: str, goal: str = "") -> None:
        self.rows.append((what, measured, goal))
        say(f"  {what}: {measured}" + (f" (goal: {goal})" if goal else ""))


def report(sizes: Sizes | None = None) -> str:
    """The section's text, measured now."""
    with bench_cluster(COMPONENTS) as home:
        taken_on = machine(home.root)
        results = asyncio.run(_measure(home, sizes or Sizes()))
        return f"{table(('', 'measured', 'goal'), results.rows)}\n\n{taken_on}"


async def _measure(home: ClusterHome, sizes: Sizes) -> Results:
    put_bento(home, TAG)
    bodies = home.root / "bodies.json"
    bodies.write_text(json.dumps(prepared_bodies(home, export_ahead(home, TAG))))
    async with await Kube.from_kubeconfig(home.kubeconfig) as kube:
        scale = Scale(
            home, kube, await service_account(home, kube), bodies, sizes, Results(), Fleet(kube, TAG)
        )
        await scale.fleet.prepare((NAMESPACE, BEHIND))
        await scale.one_at_a_time()
        await scale.floor_burst()
        async with operator(home, scale.account) as process:
            await scale.burst(process.pid)
            async with FastYatai(kube):
                await scale.grow(process.pid)
        async with FastYatai(kube):
            await scale.restart()
        return scale.results


@dataclass(frozen=True)
class Scale:
    """Everything that the parts share."""

    home: ClusterHome
    kube: Kube
    account: Path
    bodies: Path
    sizes: Sizes
    results: Results
    fleet: Fleet

    async def one_at_a_time(self) -> None:
        """Create each model as soon as the last one has its children, in alternating rounds."""
        ours, least, each = Series(), Series(), self.sizes.one_at_a_time // 4
        async with Observer(self.kube, NAMESPACE) as observer:
            bench = Bench(self.home, self.kube, observer, self.account, pause=0.0)
            for number in range(4):
                async with bench.block(operator(self.home, self.account)) as process:
                    await bench.run(f"ours{number}", [TAG] * each, process.pid, ours)
                async with bench.block(floor_running(bench, self.bodies)) as process:
                    await bench.run(f"floor{number}", [TAG] * each, process.pid, least)
        for share, most in ((0.5, "2.0"), (0.99, "3")):
            mine, floor = ours.at(share), least.at(share)
            measured = f"{mine:.1f} ms, {mine / floor:.2f} times F0's {floor:.1f} ms"
            self.results.add(f"back to back, p{share * 100:.0f}", measured, f"≤ {most} times")

    async def floor_burst(self) -> None:
        async with Observer(self.kube, NAMESPACE) as observer:
            bench = Bench(self.home, self.kube, observer, self.account)
            async with bench.block(floor_running(bench, self.bodies)):
                await asyncio.sleep(1)
                seconds = await self.fleet.burst("floor", self.sizes.burst, observer)
        self.results.add(f"F0, burst of {self.sizes.burst}", f"{self.sizes.burst / seconds:.1f} models/s")

    async def burst(self, pid: int) -> None:
        """A burst of one namespace, and right behind it one model of another; then nothing happens to them."""
        count = self.sizes.burst
        async with Observer(self.kube, NAMESPACE) as observer, Observer(self.kube, BEHIND) as other:
            before = usage(pid).cpu
            self.fleet.sent.clear()
            behind = asyncio.create_task(self._behind(other))
            seconds = await self.fleet.burst("burst", count, observer)
            spent = usage(pid).cpu - before
            late = await behind
        self.results.add(
            f"burst of {count}", f"{count / seconds:.1f} models/s", "≥ 0.8 of the Go operator's 45"
        )
        self.results.add("a model of another namespace behind it", f"{1000 * late:.0f} ms", "≤ 500 ms")
        self.results.add("CPU of a model to its children", f"{1000 * spent / count:.1f} ms", "≤ 12 ms")
        await asyncio.sleep(SETTLE)
        since, before = clock.now(), usage(pid).cpu
        await asyncio.sleep(self.sizes.waiting_seconds)
        asked = tally(self.home, OPERATOR_USER, since).counts
        requests = sum(n for (verb, kind), n in asked.items() if verb != "watch" and kind != "leases")
        spent = usage(pid).cpu - before
        measured = f"{requests} requests and {spent:.2f} s of CPU in {self.sizes.waiting_seconds:.0f} s"
        self.results.add(f"{count} models that wait for a build", measured, "0 requests")

    async def _behind(self, other: Observer) -> float:
        """Seconds to the children of a model that is created when a burst has been sent."""
        await self.fleet.sent.wait()
        await self.fleet.create("behind", BEHIND)
        created = await other.model("behind")
        return max(await other.request("behind"), await other.deployment("behind")) - created

    async def grow(self, pid: int) -> None:
        """Let the burst get ready, measure the CPU of some more, and fill up to the whole fleet."""
        await self.fleet.until_ready()
        await asyncio.sleep(SETTLE)
        before, sample = usage(pid).cpu, self.sizes.sample
        await self.fleet.create_many("sample", sample)
        await self.fleet.until_ready()
        await asyncio.sleep(2)
        spent = usage(pid).cpu - before
        self.results.add(
            "CPU of a model from creation to Ready", f"{1000 * spent / sample:.1f} ms", "≤ 40 ms"
        )
        await self.fleet.create_many("fleet", self.sizes.fleet - self.sizes.burst - sample)
        await self.fleet.until_ready()
        await asyncio.sleep(SETTLE)
        memory = f"{usage(pid).memory:.0f} MiB, at most {peak_memory(pid):.0f} MiB"
        self.results.add(f"memory with {self.sizes.fleet} models", memory, "≤ 216 MiB")

    async def restart(self) -> None:
        since, started = clock.now(), time.monotonic()
        async with operator(self.home, self.account) as process:
            await _until_idle(process.pid)
            seconds = time.monotonic() - started - 1
            writes = tally(self.home, OPERATOR_USER, since).counts
            written = sum(n for (verb, kind), n in writes.items() if verb in ("patch", "create", "delete")
                          and kind not in ("events", "leases"))  # fmt: skip
            peak = peak_memory(process.pid)
            measured = f"{written} writes, {seconds:.1f} s until its queue is empty, at most {peak:.0f} MiB"
            self.results.add(f"restart with {self.sizes.fleet}", measured, "0 writes, ≤ 10 s, ≤ 216 MiB")
            await self._hot()
            await self._failing()

    async def _hot(self) -> None:
        quiet = await self._neighbours("quiet")
        path = E2I_MODELS.path(NAMESPACE, "burst-0")
        async with _hammering(f"127.0.0.1:{self.home.ports.api_server}", self.home, path) as process:
            hot = await self._neighbours("hot")
            process.terminate()
            events = int((process.communicate()[0] or b"0").decode())
        p99 = [percentile(times, 0.99) for times in (quiet, hot)]
        medians = statistics.median(hot) / statistics.median(quiet)
        measured = (
            f"p99 {p99[1] / p99[0]:.2f} times, p50 {medians:.2f} times of {p99[0]:.0f} ms, {events} events"
        )
        self.results.add("neighbours of one hot object", measured, "p99 ≤ 1.5 times")

    async def _neighbours(self, prefix: str) -> list[float]:
        times = []
        async with Observer(self.kube, NAMESPACE) as observer:
            for number in range(self.sizes.neighbours):
                name = f"{prefix}-{number}"
                await self.fleet.create(name)
                created = await observer.model(name)
                times.append(1000 * (await observer.deployment(name) - created))
        return times

    async def _failing(self) -> None:
        await self.fleet.create_many(BAD, self.sizes.failing)
        await asyncio.sleep(30)
        since, span = clock.now(), self.sizes.failing_seconds
        await asyncio.sleep(span)
        counts = tally(self.home, OPERATOR_USER, since).counts
        writes = sum(
            n for (verb, kind), n in counts.items() if verb in ("patch", "create") and kind != "leases"
        )
        each = writes / self.sizes.failing / (span / 60)
        self.results.add(f"{self.sizes.failing} failing models", f"{each:.1f} writes a minute each", "≤ 6")


async def _until_idle(pid: int) -> None:
    """The process has used less than a twentieth of a core for a second."""
    while True:
        before = usage(pid).cpu
        await asyncio.sleep(1)
        if usage(pid).cpu - before < 0.05:
            return


@contextlib.asynccontextmanager
async def _hammering(server: str, home: ClusterHome, path: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    account = home.root / "service-account"
    program = [sys.executable, hammer.__file__, server, str(account), path]
    process = subprocess.Popen(program, stdout=subprocess.PIPE)  # noqa: ASYNC220 - runs beside
    try:
        yield process
    finally:
        process.kill()
        process.wait()
