"""What a model costs: requests while it waits and while it rests, CPU until it is Ready, and CPU of a pass at rest."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass

from benchmarks import rest_passes
from benchmarks.audit import Tally, tally
from benchmarks.fast_yatai import LATE, FastYatai
from benchmarks.figures import machine, say, table
from benchmarks.goals import FULL, Goal, Report, Sizes
from benchmarks.observer import Observer
from benchmarks.plant import NAMESPACE, OPERATOR_USER, SERVERS, bench_cluster, operator_settings
from benchmarks.process_usage import cpu_of, until_idle
from benchmarks.sides import Bench, bench_on, running

from e2i import clock
from e2i.local.layout import ClusterHome

SETTLE = 8.0
"""Seconds after which what a model says while it waits does not change any more."""
PASSES = 5


@dataclass(frozen=True)
class Span:
    """What the operator asked for while nothing changed."""

    words: str
    count: int
    asked: Tally
    cpu: float


@dataclass(frozen=True)
class Cost:
    """Milliseconds of CPU."""

    to_ready: float
    at_rest: float


def report(sizes: Sizes = FULL) -> Report:
    """The section, measured now."""
    with bench_cluster(SERVERS) as home:
        taken_on = machine(home.root)
        spans, cost = asyncio.run(_measure(home, sizes))
    return Report(f"{_text(spans, cost, sizes)}\n\n{taken_on}", [*_span_goals(spans), *_cost_goals(cost)])


async def _measure(home: ClusterHome, sizes: Sizes) -> tuple[list[Span], Cost]:
    async with bench_on(home) as bench:
        spans = [await _wait_for_builds(bench, count, sizes) for count in sizes.waiting]
        spans += [await _wait_for_pods(bench, count, sizes) for count in sizes.waiting]
        async with running(bench.ours()) as process:
            to_ready = await _cpu_to_ready(bench, process.pid, sizes.sample)
            say(f"  CPU to Ready: {to_ready:.1f} ms")
            spans.append(await _span(bench, process.pid, "are at rest", sizes.sample, sizes))
        return spans, Cost(to_ready, await asyncio.to_thread(_cpu_at_rest, bench, sizes.sample))


async def _wait_for_builds(bench: Bench, count: int, sizes: Sizes) -> Span:
    async with bench.alone(bench.ours()) as process, Observer(bench.kube, NAMESPACE) as observer:
        await bench.fleet.burst("waiting", count, observer)
        return await _span(bench, process.pid, "wait for a build", count, sizes)


async def _wait_for_pods(bench: Bench, count: int, sizes: Sizes) -> Span:
    async with bench.alone(bench.ours()) as process, Observer(bench.kube, NAMESPACE) as observer:
        async with FastYatai(bench.kube):
            await bench.fleet.burst(LATE, count, observer)
            await until_idle(process.pid)
        return await _span(bench, process.pid, "wait for pods", count, sizes)


async def _span(bench: Bench, pid: int, words: str, count: int, sizes: Sizes) -> Span:
    await asyncio.sleep(SETTLE)
    since, before = clock.now(), cpu_of(pid)
    await asyncio.sleep(sizes.waiting_seconds)
    span = Span(words, count, tally(bench.home, OPERATOR_USER, since), cpu_of(pid) - before)
    say(f"  {count} models {words}: {span.asked.reads} reads, {span.asked.writes} writes")
    return span


async def _cpu_to_ready(bench: Bench, pid: int, count: int) -> float:
    async with FastYatai(bench.kube):
        await bench.fleet.create_many("warm", 5)
        await bench.fleet.until_ready()
        await until_idle(pid)
        before = cpu_of(pid)
        await bench.fleet.create_many("sample", count)
        await bench.fleet.until_ready()
        await until_idle(pid)
        return 1000 * (cpu_of(pid) - before) / count


def _cpu_at_rest(bench: Bench, count: int) -> float:
    command = [sys.executable, rest_passes.__file__, str(PASSES), NAMESPACE]
    command += [f"sample-{number}" for number in range(count)]
    environment = operator_settings(bench.home, bench.account)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{rest_passes.__file__} failed:\n{done.stderr[-2000:]}")
    say(f"  CPU of a pass at rest: {done.stdout.strip()} ms")
    return float(done.stdout)


def _span_goals(spans: list[Span]) -> list[Goal]:
    goals = []
    for words in dict.fromkeys(span.words for span in spans):
        taken = [span for span in spans if span.words == words]
        reads = ", ".join(f"{span.asked.reads} with {span.count} models" for span in taken)
        quiet = not any(span.asked.reads or span.asked.writes for span in taken)
        goals.append(Goal(f"models that {words}: no request", reads, quiet))
    return goals


def _cost_goals(cost: Cost) -> list[Goal]:
    return [
        Goal(
            "CPU of a model from its creation to Ready: at most 40 ms",
            f"{cost.to_ready:.1f} ms",
            cost.to_ready <= 40,
        ),
        Goal("CPU of a pass over a model at rest: at most 1 ms", f"{cost.at_rest:.2f} ms", cost.at_rest <= 1),
    ]


def _text(spans: list[Span], cost: Cost, sizes: Sizes) -> str:
    header = ("models that", "number", "gets and lists", "writes", "events", "CPU, s")
    rows = [
        (
            span.words,
            span.count,
            span.asked.reads,
            span.asked.writes,
            span.asked.events,
            f"{span.cpu:.2f}",
        )
        for span in spans
    ]
    return (
        f"The operator's requests in {sizes.waiting_seconds:.0f} s in which nothing changes.\n\n"
        f"{table(header, rows)}\n\n"
        f"From its creation to Ready a model takes {cost.to_ready:.1f} ms of the operator's CPU, with {sizes.sample} "
        f"at once whose images and pods are there at once. A pass that finds nothing to do takes {cost.at_rest:.2f} ms."
    )
