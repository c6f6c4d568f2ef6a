"""Two hundred models whose pods crash again and again: what the operator writes and logs about them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from benchmarks.audit import Tally, tally
from benchmarks.fast_yatai import BAD, FastYatai
from benchmarks.figures import machine, say, table
from benchmarks.goals import FULL, Goal, Report, Sizes
from benchmarks.plant import OPERATOR_USER, SERVERS, bench_cluster, operator_log
from benchmarks.process_usage import cpu_of
from benchmarks.sides import bench_on, running

from e2i import clock
from e2i.local.layout import ClusterHome

BEGIN = 30.0
"""Seconds in which all of them have begun to fail."""
MOST_WRITES, MOST_LINES = 6, 6
"""A minute for each model."""


@dataclass(frozen=True)
class Measured:
    """What the operator did in the span; `lines` is what it logged."""

    asked: Tally
    lines: int
    cpu: float


def report(sizes: Sizes = FULL) -> Report:
    """The section, measured now."""
    with bench_cluster(SERVERS) as home:
        taken_on = machine(home.root)
        measured = asyncio.run(_measure(home, sizes))
    each_minute = sizes.failing * sizes.failing_seconds / 60
    writes = (measured.asked.writes + measured.asked.events) / each_minute
    lines = measured.lines / each_minute
    goals = [
        Goal(f"{sizes.failing} failing models: at most {MOST_WRITES} writes a minute each", f"{writes:.1f}",
             writes <= MOST_WRITES),
        Goal(f"{sizes.failing} failing models: at most {MOST_LINES} log lines a minute each", f"{lines:.1f}",
             lines <= MOST_LINES),
    ]  # fmt: skip
    return Report(f"{_text(measured, sizes)}\n\n{taken_on}", goals)


async def _measure(home: ClusterHome, sizes: Sizes) -> Measured:
    async with bench_on(home) as bench, running(bench.ours()) as process, FastYatai(bench.kube):
        await bench.fleet.create_many(BAD, sizes.failing)
        say(f"  {sizes.failing} models are created; they fail for {BEGIN + sizes.failing_seconds:.0f} s")
        await asyncio.sleep(BEGIN)
        since, cpu, lines = clock.now(), cpu_of(process.pid), _lines(operator_log(home))
        await asyncio.sleep(sizes.failing_seconds)
        return Measured(
            tally(home, OPERATOR_USER, since),
            _lines(operator_log(home)) - lines,
            cpu_of(process.pid) - cpu,
        )


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n")


def _text(measured: Measured, sizes: Sizes) -> str:
    figures = {
        "writes of statuses and children": measured.asked.writes,
        "writes of events": measured.asked.events,
        "gets and lists": measured.asked.reads,
        "log lines": measured.lines,
        "CPU, s": f"{measured.cpu:.1f}",
    }
    return (
        f"{sizes.failing} models, each with a pod that crashes every ten seconds, for {sizes.failing_seconds:.0f} s."
        f"\n\n{table(('all of them together', 'number'), figures.items())}\n\nWritten: {measured.asked.words()}."
    )
