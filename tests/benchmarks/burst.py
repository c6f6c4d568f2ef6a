"""A thousand models of one namespace at once, and one of another namespace behind them; the sides in turn."""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass

from benchmarks.audit import tally
from benchmarks.figures import machine, say, spread, table
from benchmarks.goals import FULL, Goal, Report, Sizes
from benchmarks.observer import Observer
from benchmarks.plant import NAMESPACE, OPERATOR_USER, SERVERS, bench_cluster
from benchmarks.process_usage import cpu_of, until_idle
from benchmarks.sides import BEHIND, FLOOR, GO, OURS, SIDES, Bench, bench_on, build_go_operator

from e2i import clock
from e2i.local.layout import ClusterHome

WARM_UP = 5


@dataclass(frozen=True)
class Burst:
    """One burst of one side."""

    rate: float
    """Models a second, from the first that is sent to the last child."""
    behind: float
    """Milliseconds from the model of the other namespace to its children."""
    cpu: float
    """Milliseconds of the side's CPU for a model until all have their children."""
    writes: float
    """Writes for a model, until nothing more is written."""
    events: float


def report(sizes: Sizes = FULL) -> Report:
    """The section, measured now."""
    build_go_operator()
    with bench_cluster(SERVERS) as home:
        taken_on = machine(home.root)
        bursts = asyncio.run(_measure(home, sizes))
    return Report(f"{_text(bursts, sizes)}\n\n{taken_on}", _goals(bursts, sizes))


async def _measure(home: ClusterHome, sizes: Sizes) -> dict[str, list[Burst]]:
    bursts: dict[str, list[Burst]] = {side: [] for side in SIDES}
    async with bench_on(home) as bench:
        for number in range(sizes.bursts):
            for side, start in SIDES.items():
                async with bench.alone(start(bench)) as process:
                    burst = await _burst(bench, process.pid, sizes.burst)
                bursts[side].append(burst)
                say(f"  round {number + 1} of {sizes.bursts}, {side}: {burst.rate:.1f} models/s")
    return bursts


async def _burst(bench: Bench, pid: int, count: int) -> Burst:
    async with Observer(bench.kube, NAMESPACE) as observer, Observer(bench.kube, BEHIND) as other:
        for number in range(WARM_UP):
            await bench.fleet.create(f"warm-{number}")
            await observer.children(f"warm-{number}")
        await until_idle(pid)
        since, before = clock.now(), cpu_of(pid)
        bench.fleet.sent.clear()
        behind = asyncio.create_task(_behind(bench, other))
        seconds = await bench.fleet.burst("burst", count, observer)
        cpu = 1000 * (cpu_of(pid) - before) / count
        late = await behind
        await until_idle(pid)
        told = tally(bench.home, OPERATOR_USER, since)
        return Burst(count / seconds, late, cpu, told.writes / count, told.events / count)


async def _behind(bench: Bench, other: Observer) -> float:
    await bench.fleet.sent.wait()
    await bench.fleet.create("behind", BEHIND)
    return await other.latency("behind")


def _goals(bursts: dict[str, list[Burst]], sizes: Sizes) -> list[Goal]:
    def median(side: str, what: str) -> float:
        return statistics.median(float(getattr(burst, what)) for burst in bursts[side])

    rate, go, floor = (median(side, "rate") for side in (OURS, GO, FLOOR))
    behind, cpu = median(OURS, "behind"), median(OURS, "cpu")
    return [
        Goal(
            f"{sizes.burst} models at once: at least 0.8 of the Go operator's rate",
            f"{rate / go:.2f} ({rate:.1f} of {go:.1f} models/s; F0 {floor:.1f})",
            rate >= 0.8 * go,
        ),
        Goal(
            "one model of another namespace behind them: at most 500 ms",
            f"{behind:.0f} ms (Go {median(GO, 'behind'):.0f} ms)",
            behind <= 500,
        ),
        Goal(
            "CPU of a model to its children: at most 12 ms",
            f"{cpu:.1f} ms (Go {median(GO, 'cpu'):.1f} ms)",
            cpu <= 12,
        ),
    ]


def _text(bursts: dict[str, list[Burst]], sizes: Sizes) -> str:
    header = ("", "models/s", "behind them, ms", "CPU a model, ms", "writes a model", "events a model")
    rows = []
    for side, taken in bursts.items():
        figures = [spread([getattr(each, name) for each in taken]) for name in Burst.__dataclass_fields__]
        rows.append((side, *figures))
    return (
        f"{table(header, rows)}\n\n{sizes.burst} models are created by four connections as fast as the API server "
        f"takes them; median and range of {sizes.bursts} alternating rounds. Nothing builds images or runs pods."
    )
