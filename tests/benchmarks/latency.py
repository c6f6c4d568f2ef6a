"""How long after a model's creation both its children are there: the operator beside F0, in alternating blocks.

Both act on the same API server, with the same rights, and write the same two objects. A time is counted from
the moment an independent watch shows the model to the moment it shows the second child.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import floor
from benchmarks.figures import machine, percentile, say, spread, table
from benchmarks.floor_bodies import prepared_bodies
from benchmarks.observer import Observer
from benchmarks.plant import MODELS, NAMESPACE, a_model, bench_cluster, operator, service_account, usage
from benchmarks.store import export_ahead, put_bento

from e2i.kube import Kube
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS
from e2i.local.layout import ClusterHome

TAG = "small:1.0.0"
ROUNDS = 8
MODELS_A_ROUND = 25
PAUSE = 0.2
"""Seconds from one model's children to the next model, so that the operator has told its status by then."""

Side = contextlib.AbstractAsyncContextManager["subprocess.Popen[bytes]"]


@dataclass
class Series:
    """The times of one side, in ms, a list for each round, and the CPU seconds it used."""

    rounds: list[list[float]] = field(default_factory=list)
    cpu: float = 0.0

    def at(self, share: float) -> float:
        return percentile([value for values in self.rounds for value in values], share)

    @property
    def medians(self) -> list[float]:
        return [statistics.median(values) for values in self.rounds]

    def row(self, name: str) -> list[object]:
        count = sum(len(values) for values in self.rounds)
        figures = [f"{self.at(0.5):.1f}", f"{self.at(0.99):.1f}", spread(self.medians)]
        return [name, count, *figures, f"{1000 * self.cpu / count:.1f}"]


def report() -> str:
    """The section's text, measured now."""
    with bench_cluster() as home:
        taken_on = machine(home.root)
        return f"{asyncio.run(_measure(home))}\n\n{taken_on}"


async def _measure(home: ClusterHome) -> str:
    own_tags = [f"own{number}:1.0.0" for number in range(MODELS_A_ROUND)]
    for tag in (TAG, *own_tags):
        put_bento(home, tag)
        export_ahead(home, tag)
    bodies = home.root / "bodies.json"
    bodies.write_text(json.dumps(prepared_bodies(home, export_ahead(home, TAG))))
    ours, least, own = Series(), Series(), Series()
    async with await Kube.from_kubeconfig(home.kubeconfig) as kube, Observer(kube, NAMESPACE) as observer:
        bench = Bench(home, kube, observer, await service_account(home, kube))
        for number in range(ROUNDS):
            say(f"  round {number + 1} of {ROUNDS}")
            async with bench.block(operator(home, bench.account)) as process:
                await bench.run(f"ours{number}", [TAG] * MODELS_A_ROUND, process.pid, ours)
            async with bench.block(floor_running(bench, bodies)) as process:
                await bench.run(f"floor{number}", [TAG] * MODELS_A_ROUND, process.pid, least)
        say("  models with a bento of their own")
        async with bench.block(operator(home, bench.account)) as process:
            await bench.run("own", own_tags, process.pid, own)
        return _text(ours, least, own)


@dataclass(frozen=True)
class Bench:
    """What every block needs."""

    home: ClusterHome
    kube: Kube
    observer: Observer
    account: Path
    pause: float = PAUSE

    @contextlib.asynccontextmanager
    async def block(self, side: Side) -> AsyncIterator[subprocess.Popen[bytes]]:
        """Run one side alone; what was made is removed when it has ended."""
        async with side as process:
            yield process
        for resource in (MODELS, BENTO_REQUESTS, BENTO_DEPLOYMENTS):
            await self.kube.request("DELETE", resource.path(NAMESPACE))
            while (await self.kube.list(resource, NAMESPACE))[0]:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)

    async def run(self, prefix: str, tags: Sequence[str], pid: int, series: Series) -> None:
        """Create models one at a time; the first, which warms the side up, is not counted."""
        await self._time_of(f"{prefix}-first", TAG)
        before = usage(pid).cpu
        series.rounds.append([await self._time_of(f"{prefix}-{n}", tag) for n, tag in enumerate(tags)])
        series.cpu += usage(pid).cpu - before

    async def _time_of(self, name: str, tag: str) -> float:
        await self.kube.create(MODELS, NAMESPACE, a_model(name, tag))
        created = await self.observer.model(name)
        children = (await self.observer.request(name), await self.observer.deployment(name))
        await asyncio.sleep(self.pause)
        return 1000 * (max(children) - created)


@contextlib.asynccontextmanager
async def floor_running(bench: Bench, bodies: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    server = f"127.0.0.1:{bench.home.ports.api_server}"
    program = [sys.executable, floor.__file__, server, str(bench.account), NAMESPACE, str(bodies)]
    process = subprocess.Popen(program)  # noqa: ASYNC220 - nothing else is to run meanwhile
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _text(ours: Series, least: Series, own: Series) -> str:
    header = ("", "models", "p50, ms", "p99, ms", f"medians of {ROUNDS} rounds, ms", "CPU a model, ms")
    rows = [
        least.row("F0, a minimal client"),
        ours.row("the operator"),
        own.row("the operator, a bento of its own for each model"),
    ]
    ratios = [mine / floor_ for mine, floor_ in zip(ours.medians, least.medians, strict=True)]
    return "\n\n".join(
        (
            table(header, rows),
            f"Ratio to F0: p50 **{ours.at(0.5) / least.at(0.5):.2f}** (goal: at most 2.0), round by round "
            f"{spread(ratios, 2)}; p99 {ours.at(0.99) / least.at(0.99):.2f}.",
            "The operator's CPU includes its status and its events, which F0 does not write.",
        )
    )
