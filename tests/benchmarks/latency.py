"""How long after a model's creation both its children are there: F0, the Go operator and the operator in turn.

A time is counted from the moment an independent watch shows the model to the moment it shows the second child.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.figures import machine, percentile, say, spread, table
from benchmarks.goals import FULL, Goal, Report, Sizes
from benchmarks.observer import Observer
from benchmarks.plant import NAMESPACE, SERVERS, bench_cluster
from benchmarks.process_usage import cpu_of
from benchmarks.sides import FLOOR, GO, OURS, SIDES, TAG, Bench, bench_on, build_go_operator

from e2i.local.layout import ClusterHome

PACES = {"one every 0.2 s": 0.2, "back to back": 0.0}
"""Seconds from one model's children to the next model."""
OWN_BENTO = "the operator, a bento of its own for each model"
"""Each is uploaded: what is exported ahead has no namespace, and each namespace has archives of its own."""
LIMITS = ((0.5, 2.0), (0.99, 3.0))
"""(share, most times of F0): p50 and p99."""


@dataclass
class Series:
    """The times of one side at one pace, in ms, a list for each round, and the CPU seconds it used."""

    rounds: list[list[float]] = field(default_factory=list)
    cpu: float = 0.0

    def at(self, share: float) -> float:
        return percentile([value for values in self.rounds for value in values], share)

    def row(self, side: str, pace: str) -> list[object]:
        count = sum(len(values) for values in self.rounds)
        medians = spread([statistics.median(values) for values in self.rounds])
        figures = [f"{self.at(0.5):.1f}", f"{self.at(0.99):.1f}", medians]
        return [side, pace, count, *figures, f"{1000 * self.cpu / count:.1f}"]


Measured = dict[tuple[str, str], Series]
"""By side and pace."""


def report(sizes: Sizes = FULL) -> Report:
    """The section, measured now."""
    build_go_operator()
    with bench_cluster(SERVERS) as home:
        taken_on = machine(home.root)
        measured = asyncio.run(_measure(home, sizes))
    goals = [_goal(measured, pace, *limit) for pace in PACES for limit in LIMITS]
    return Report(f"{_text(measured)}\n\n{taken_on}", goals)


async def _measure(home: ClusterHome, sizes: Sizes) -> Measured:
    own_tags = [f"own{number}:1.0.0" for number in range(sizes.paced)]
    counts = dict(zip(PACES, (sizes.paced, sizes.back_to_back), strict=True))
    measured: Measured = {}
    async with bench_on(home, (TAG, *own_tags)) as bench, Observer(bench.kube, NAMESPACE) as observer:
        for number in range(sizes.rounds):
            say(f"  round {number + 1} of {sizes.rounds}")
            for side, start in SIDES.items():
                async with bench.alone(start(bench)) as process:
                    for pace, count in counts.items():
                        models = Models(bench, observer, f"{side[:2].lower().strip()}{number}-{count}")
                        series = measured.setdefault((side, pace), Series())
                        await models.run([TAG] * count, PACES[pace], process.pid, series)
        say("  models with a bento of their own")
        async with bench.alone(bench.ours()) as process:
            pace = next(iter(PACES))
            series = measured[OWN_BENTO, pace] = Series()
            await Models(bench, observer, "own").run(own_tags, PACES[pace], process.pid, series)
    return measured


@dataclass(frozen=True)
class Models:
    """Creates models one at a time; their names begin with `prefix`."""

    bench: Bench
    observer: Observer
    prefix: str

    async def run(self, tags: Sequence[str], pause: float, pid: int, series: Series) -> None:
        """Time one model for each tag; one before them, which warms the side up, is not counted."""
        await self._time_of("first", TAG, 1.0)
        before = cpu_of(pid)
        series.rounds.append([await self._time_of(f"{n}", tag, pause) for n, tag in enumerate(tags)])
        series.cpu += cpu_of(pid) - before

    async def _time_of(self, name: str, tag: str, pause: float) -> float:
        await self.bench.fleet.create(f"{self.prefix}-{name}", tag=tag)
        milliseconds = await self.observer.latency(f"{self.prefix}-{name}")
        await asyncio.sleep(pause)
        return milliseconds


def _goal(measured: Measured, pace: str, share: float, most: float) -> Goal:
    mine, least, go = (measured[side, pace].at(share) for side in (OURS, FLOOR, GO))
    words = f"{pace}, p{100 * share:.0f} at most {most:g} times F0"
    shown = f"{mine / least:.2f} times ({mine:.1f} of {least:.1f} ms; Go {go:.1f} ms)"
    return Goal(words, shown, mine <= most * least)


def _text(measured: Measured) -> str:
    header = ("", "pace", "models", "p50, ms", "p99, ms", "medians of the rounds, ms", "CPU a model, ms")
    rows = [series.row(side, pace) for (side, pace), series in sorted(measured.items(), key=_by_pace)]
    return (
        f"{table(header, rows, words=2)}\n\nF0 writes the two children and nothing else. The Go operator also writes a "
        "status, and the operator writes its status and events, which are in its CPU."
    )


def _by_pace(item: tuple[tuple[str, str], Series]) -> int:
    return list(PACES).index(item[0][1])
