"""Five thousand converged models: memory, restarts, and one object that never rests.

The Go operator keeps what the operator watches, in the informers of client-go, and is started on the same models.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from benchmarks import hot_object
from benchmarks.audit import tally
from benchmarks.fast_yatai import FastYatai
from benchmarks.figures import machine, say, table
from benchmarks.goals import FULL, Goal, Report, Sizes
from benchmarks.observer import Observer
from benchmarks.plant import NAMESPACE, OPERATOR_USER, SERVERS, bench_cluster
from benchmarks.process_usage import Usage, until_idle, usage
from benchmarks.sides import BEHIND, GO, OURS, Bench, Side, bench_on, build_go_operator, running

from e2i import clock
from e2i.local.layout import ClusterHome

MOST_MEMORY = 216
"""MiB: half of what a Go operator with four informers took for 5,000 models, see issue 11."""
BATCH = 500
CONVERGED_WITHIN = 600.0


@dataclass(frozen=True)
class Restart:
    """A side that was started on all models."""

    seconds: float
    """From its start until a model that is created meanwhile in another namespace has its children."""
    until_idle: float
    """Seconds from its start until it had looked at all models."""
    writes: int
    """For the models that were there."""
    used: Usage


@dataclass
class Measured:
    """Everything that this section measures."""

    usages: dict[str, Usage] = field(default_factory=dict)
    restarts: dict[str, Restart] = field(default_factory=dict)
    hot: hot_object.Measured | None = None


def report(sizes: Sizes = FULL) -> Report:
    """The section, measured now."""
    build_go_operator()
    with bench_cluster(SERVERS) as home:
        taken_on = machine(home.root)
        measured = asyncio.run(_measure(home, sizes))
    return Report(f"{_text(measured, sizes)}\n\n{taken_on}", _goals(measured, sizes))


async def _measure(home: ClusterHome, sizes: Sizes) -> Measured:
    measured = Measured()
    async with bench_on(home) as bench:
        async with running(bench.ours()) as process:
            measured.usages["idle"] = usage(process.pid)
            await _grow(bench, process.pid, sizes.fleet)
            measured.usages["all have become Ready"] = usage(process.pid)
        for name, side in ((OURS, bench.ours()), (GO, bench.go(watch_all=True))):
            measured.restarts[name] = await _restart(bench, side, f"beside-{len(measured.restarts)}")
            _say(name, measured.restarts[name])
        async with running(bench.ours()) as process:
            await until_idle(process.pid)
            measured.hot = await hot_object.measure(bench, "model-0", sizes)
            measured.usages["after the events of one model"] = usage(process.pid)
    return measured


async def _grow(bench: Bench, pid: int, count: int) -> None:
    """Create the models in batches, each after the last one is Ready."""
    async with FastYatai(bench.kube):
        for first in range(0, count, BATCH):
            batch = range(first, min(first + BATCH, count))
            await bench.fleet.create_numbered("model", batch)
            await bench.fleet.until_ready(CONVERGED_WITHIN)
            say(f"  {batch.stop} of {count} models are Ready, {usage(pid).resident:.0f} MiB")
        await until_idle(pid)


async def _restart(bench: Bench, side: Side, name: str) -> Restart:
    since, started = clock.now(), time.monotonic()
    async with Observer(bench.kube, BEHIND) as observer:
        await bench.fleet.create(name, BEHIND)
        async with running(side) as process:
            served = await observer.children(name) - started
            await until_idle(process.pid)
            idle = time.monotonic() - started - 1
            await asyncio.sleep(2)  # A write that must not come would come now.
            written = tally(bench.home, OPERATOR_USER, since, NAMESPACE).writes
            return Restart(served, idle, written, usage(process.pid))


def _say(name: str, restart: Restart) -> None:
    used = restart.used
    say(
        f"  {name} started again: serves after {restart.seconds:.1f} s, idle after {restart.until_idle:.1f} s, "
        f"{restart.writes} writes, {used.resident:.0f} MiB, at most {used.peak:.0f} MiB"
    )


def _goals(measured: Measured, sizes: Sizes) -> list[Goal]:
    mine, go = measured.restarts[OURS], measured.restarts[GO]
    at_rest = measured.usages["all have become Ready"].resident
    assert measured.hot is not None
    return [
        Goal(
            f"{sizes.fleet} models: at most {MOST_MEMORY} MiB, also at the peak of a restart",
            f"{at_rest:.0f} MiB, started again at most {mine.used.peak:.0f} MiB (Go {go.used.resident:.0f} MiB, "
            f"at most {go.used.peak:.0f} MiB)",
            max(at_rest, mine.used.peak) <= MOST_MEMORY,
        ),
        Goal("their restart: no write", f"{mine.writes} (Go {go.writes})", mine.writes == 0),
        Goal(
            "their restart: serves its queue within 10 s",
            f"{mine.seconds:.1f} s (Go {go.seconds:.1f} s)",
            mine.seconds <= 10,
        ),
        measured.hot.goal,
    ]


def _text(measured: Measured, sizes: Sizes) -> str:
    used = {f"{OURS}, {words}": each for words, each in measured.usages.items()}
    used |= {f"{name}, started again": each.used for name, each in measured.restarts.items()}
    memory = [
        (words, *(f"{mib:.0f}" for mib in (u.resident, u.own_share, u.peak))) for words, u in used.items()
    ]
    restarts = [
        (name, f"{each.seconds:.1f}", f"{each.until_idle:.1f}", f"{each.used.cpu:.1f}", each.writes)
        for name, each in measured.restarts.items()
    ]
    assert measured.hot is not None
    return "\n\n".join(
        (
            f"{sizes.fleet} models that are Ready, each with two children of ours, a Service, a Deployment and a pod.",
            table(("memory", "resident, MiB", "own share (PSS), MiB", "peak, MiB"), memory),
            table(("started again", "serves, s", "idle, s", "CPU until then, s", "writes"), restarts),
            "A side serves when a model of another namespace, created when it is started, has its children. Its "
            "writes are without those for this model.",
            measured.hot.text,
        )
    )
