"""One model whose annotations change without a pause, and how long its neighbours take meanwhile.

The API server has to do the same for an object that is not the operator's: that is measured too, because both share the
machine's cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Self

from benchmarks import hammer
from benchmarks.figures import percentile, say, table
from benchmarks.goals import Goal, Sizes
from benchmarks.observer import Observer
from benchmarks.plant import MODELS, NAMESPACE
from benchmarks.sides import Bench

from e2i.kube.e2i_kinds import SERVICES

MOST = 1.5
"""Times the neighbours' p99 without the events."""
LONGEST = 240.0
"""Seconds for which the events are waited for: the API server checks each of them against the schema."""
QUIET, OTHER, HOT = "nothing else happens", "an object of somebody else changes", "one model changes"


@dataclass(frozen=True)
class Measured:
    """The neighbours' times in ms, and the events of the one model."""

    times: dict[str, list[float]]
    events: dict[str, int]

    @property
    def goal(self) -> Goal:
        quiet, other, hot = (percentile(self.times[what], 0.99) for what in (QUIET, OTHER, HOT))
        return Goal(
            f"{self.events[HOT]} events on one model: its neighbours' p99 at most {MOST:g} times",
            f"{hot / other:.2f} times that with events on an object of somebody else "
            f"({hot:.0f} of {other:.0f} ms; with none {quiet:.0f} ms)",
            hot <= MOST * other,
        )

    @property
    def text(self) -> str:
        rows = [
            (
                what,
                len(times),
                f"{statistics.median(times):.1f}",
                f"{percentile(times, 0.99):.1f}",
                self.events[what],
            )
            for what, times in self.times.items()
        ]
        return table(("one new model after the other, while", "models", "p50, ms", "p99, ms", "events"), rows)


async def measure(bench: Bench, model: str, sizes: Sizes) -> Measured:
    """Measure the neighbours alone, beside another hot object, and beside the hot model."""
    # Without the operator's label, so that it is not watched.
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hot"},
        "spec": {"ports": [{"port": 80}]},
    }
    await bench.kube.create(SERVICES, NAMESPACE, service)
    paths = {OTHER: SERVICES.path(NAMESPACE, "hot"), HOT: MODELS.path(NAMESPACE, model)}
    times, events = {QUIET: await _neighbours(bench, "quiet", sizes.neighbours)}, {QUIET: 0}
    for what, path in paths.items():
        async with Hammer(bench, path) as hammering:
            # The comparison needs no more events than happen beside its neighbours.
            await hammering.until(sizes.events if what is HOT else 0)
            times[what] = await _neighbours(bench, what.split()[0], sizes.neighbours)
            events[what] = hammering.count
        say(f"  {what}: {events[what]} events, p99 {percentile(times[what], 0.99):.0f} ms")
    return Measured(times, events)


class Hammer:
    """A process that changes an object as fast as it can while it is entered; `count`: how often it has."""

    def __init__(self, bench: Bench, path: str) -> None:
        server = f"127.0.0.1:{bench.home.ports.api_server}"
        self._command = (sys.executable, hammer.__file__, server, str(bench.account), path)
        self.count = 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(*self._command, stdout=subprocess.PIPE)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reader

    async def until(self, count: int) -> None:
        """Wait for that many changes, or for as many as there are in four minutes."""
        deadline = time.monotonic() + LONGEST
        while self.count < count and time.monotonic() < deadline:
            if self._reader.done():
                raise RuntimeError("the changes of the one object have ended")
            say(f"  {self.count} of {count} events")
            await asyncio.sleep(10)  # Between two lines of progress.

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.count = int(line)


async def _neighbours(bench: Bench, prefix: str, count: int) -> list[float]:
    times = []
    async with Observer(bench.kube, NAMESPACE) as observer:
        for number in range(count):
            await bench.fleet.create(f"{prefix}-{number}")
            times.append(await observer.latency(f"{prefix}-{number}"))
    return times
