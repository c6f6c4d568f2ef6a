"""Measure CPU and memory of containers in /proc, and write them in the text form that metrics-server reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from e2i.local.node import clock, sweep

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
HELP = {
    "node_cpu_usage_seconds_total": "counter",
    "node_memory_working_set_bytes": "gauge",
    "container_cpu_usage_seconds_total": "counter",
    "container_memory_working_set_bytes": "gauge",
    "container_start_time_seconds": "gauge",
    "pod_cpu_usage_seconds_total": "counter",
    "pod_memory_working_set_bytes": "gauge",
    "resource_scrape_error": "gauge",
}
Sample = tuple[str, dict[str, str], float]
"""Metric, labels, value."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A running container to measure."""

    namespace: str
    pod: str
    container: str
    pid: int
    started_at: float


class Meter:
    """Measures containers; remembers CPU time so that a counter never goes back when a process ends."""

    def __init__(self) -> None:
        self._cpu: dict[int, float] = {}

    def samples(self, subjects: Iterable[Subject]) -> tuple[list[Sample], float]:
        """Return the figures of each container, each pod and the node, and when the CPU times were read."""
        everyone, now = sweep.processes(), clock.now()
        found: list[Sample] = []
        pods: dict[tuple[str, str], tuple[float, float]] = {}
        seen: dict[int, float] = {}
        for subject in subjects:
            members = sweep.process_tree({subject.pid}, everyone)
            ticks = sum(everyone[pid].ticks for pid in members)
            cpu = seen[subject.pid] = max(ticks / TICKS, self._cpu.get(subject.pid, 0.0))
            memory = float(sum(map(_memory, members)))
            labels = {"container": subject.container, "namespace": subject.namespace, "pod": subject.pod}
            found += [
                ("container_cpu_usage_seconds_total", labels, cpu),
                ("container_memory_working_set_bytes", labels, memory),
                ("container_start_time_seconds", labels, subject.started_at),
            ]
            before = pods.get((subject.namespace, subject.pod), (0.0, 0.0))
            pods[subject.namespace, subject.pod] = (before[0] + cpu, before[1] + memory)
        self._cpu = seen
        return [*found, *_sums(pods), *_machine(), ("resource_scrape_error", {}, 0.0)], now


def _sums(pods: dict[tuple[str, str], tuple[float, float]]) -> Iterable[Sample]:
    for (namespace, pod), (cpu, memory) in pods.items():
        labels = {"namespace": namespace, "pod": pod}
        yield "pod_cpu_usage_seconds_total", labels, cpu
        yield "pod_memory_working_set_bytes", labels, memory


def _machine() -> Iterable[Sample]:
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    yield "node_cpu_usage_seconds_total", {}, (user + nice + system) / TICKS
    info = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (int(info[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    yield "node_memory_working_set_bytes", {}, float(total - available)


def _memory(pid: int) -> int:
    """Return the memory of a process in bytes; a page shared with other processes counts in part."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        # It has just ended, or it cannot be read.
        pass
    return 0


def exposition(samples: Iterable[Sample], now: float) -> str:
    """Return the samples in the Prometheus text form, grouped by metric, each with its time in milliseconds.

    With the time, because an answer that was late on a busy machine would make a rate wrong.
    """
    by_name: dict[str, list[str]] = {name: [] for name in HELP}
    for name, labels, value in samples:
        inside = ",".join(f'{key}="{label}"' for key, label in labels.items())
        series = f"{name}{{{inside}}}" if inside else name
        by_name[name].append(f"{series} {value:.3f} {now * 1000:.0f}")
    blocks = [f"# TYPE {name} {HELP[name]}\n" + "\n".join(lines) for name, lines in by_name.items() if lines]
    return "\n".join(blocks) + "\n"
