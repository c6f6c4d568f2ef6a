"""One model whose annotations change all the time, and how long its neighbours take meanwhile.

The API server has as much to do for an object of another kind with the same content and the same schema that is not
the operator's: that is measured too, because both share the machine's cores. A Bento of the same size would not do: a
large schema makes each change dearer for the API server.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Self

import yaml
from benchmarks import hammer
from benchmarks.figures import percentile, say, table
from benchmarks.goals import Goal, Sizes
from benchmarks.observer import Observer
from benchmarks.plant import CRD, MODELS, NAMESPACE
from benchmarks.sides import Bench

from e2i.kube import Resource
from e2i.local.kubectl import apply_all, kubectl
from e2i.local.layout import ClusterHome

MOST = 1.5
"""Times the neighbours' p99 without the events."""
RATE = 200
"""Events a second: the API server of two cores that are busy otherwise follows etcd so fast."""
LONGEST = 600.0
"""Seconds for which the events are waited for."""
QUIET, OTHER, HOT = "nothing else happens", "an object of somebody else changes", "one model changes"
COPIES = Resource("example.org", MODELS.version, "copies", "Copy")
"""The kind with the schema of E2IModels that nobody watches."""


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
        header = ("one new model after the other, while", "models", "p50, ms", "p99, ms", "events")
        return (
            f"{table(header, rows)}\n\nAn annotation changes at most {RATE} times a second, by writes into etcd: "
            "through an API server on two cores, about 90 changes of an E2IModel a second were reached. The object of "
            "somebody else has the same content and the same schema, in a group that nobody watches."
        )


async def measure(bench: Bench, model: str, sizes: Sizes) -> Measured:
    """Measure the neighbours alone, beside another hot object, and beside the hot model."""
    found = await bench.kube.get(MODELS, NAMESPACE, model)
    assert found
    create_copy(bench.home, found["spec"], model)
    hot_objects = {OTHER: (COPIES, model), HOT: (MODELS, model)}

    async def neighbours(prefix: str) -> list[float]:
        times = []
        # The changes are for the operator: who measures has as much to do in each part.
        async with Observer(bench.kube, NAMESPACE, without=model) as observer:
            for number in range(sizes.neighbours):
                await bench.fleet.create(f"{prefix}-{number}")
                times.append(await observer.latency(f"{prefix}-{number}"))
        return times

    times, events = {QUIET: await neighbours("quiet")}, {QUIET: 0}
    for what, (resource, name) in hot_objects.items():
        async with Hammer(bench, resource, name) as hammering:
            # The comparison needs no more events than happen beside its neighbours.
            await hammering.until(sizes.events if what is HOT else 1)
            times[what] = await neighbours(what.split()[0])
            events[what] = hammering.count
        say(f"  {what}: {events[what]} events, p99 {percentile(times[what], 0.99):.0f} ms")
    return Measured(times, events)


def create_copy(home: ClusterHome, spec: Any, name: str) -> None:
    """Define the kind COPIES, and create an object of it as soon as the API server serves the kind."""
    definition = yaml.safe_load(CRD.read_text())
    crd = f"{COPIES.plural}.{COPIES.group}"
    definition["metadata"] = {"name": crd}
    definition["spec"]["group"] = COPIES.group
    # Names of its own: kubectl remembers the kinds of a port, and would take these for E2IModels of the next cluster.
    definition["spec"]["names"] = {"plural": COPIES.plural, "singular": "copy", "kind": COPIES.kind}
    body = {
        "apiVersion": COPIES.api_version,
        "kind": COPIES.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }
    apply_all(home, [], [definition])
    kubectl(home, "wait", "--for=condition=Established", f"crd/{crd}", "--timeout=60s")
    apply_all(home, [], [body])


class Hammer:
    """A process that changes an object while it is entered; `count`: how often it has."""

    def __init__(self, bench: Bench, resource: Resource, name: str) -> None:
        etcd, key = f"127.0.0.1:{bench.home.ports.etcd_client}", _key(resource, name)
        self._command = (sys.executable, hammer.__file__, etcd, str(bench.home.pki), key, str(RATE))
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
        """Wait for that many changes, or for as many as there are in LONGEST seconds."""
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


def _key(resource: Resource, name: str) -> str:
    """Return where the API server keeps an object of a custom resource."""
    return f"/registry/{resource.group}/{resource.plural}/{NAMESPACE}/{name}"
