"""The state of a cluster's components, as a table for people."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.local import supervision
from e2i.local.component import Component
from e2i.local.layout import ClusterHome
from e2i.local.readiness import is_ready


@dataclass(frozen=True)
class Row:
    """The current state of one component."""

    name: str
    pid: int | None
    state: str
    """`running`, `not ready`, `ended` or `not started`."""
    age: float | None
    """Seconds since its start; None when it does not run."""


def inspect(home: ClusterHome, component: Component) -> Row:
    """Return the current state of the component."""
    process = supervision.running(home, component.name)
    if not process:
        expected = supervision.was_started(home, component.name)
        return Row(component.name, None, "ended" if expected else "not started", None)
    ready = component.ready is None or is_ready(home, component.ready)
    return Row(component.name, process.pid, "running" if ready else "not ready", process.age)


def table(rows: list[Row]) -> str:
    """Return the rows as aligned columns: component, process id, state, time since its start."""
    lines = [f"{'COMPONENT':<25} {'PID':>8}  {'STATE':<12} SINCE"]
    lines += [f"{row.name:<25} {row.pid or '-':>8}  {row.state:<12} {duration(row.age)}" for row in rows]
    return "\n".join(lines)


def duration(seconds: float | None) -> str:
    """None -> -, 7.9 -> 7s, 75 -> 1m15s, 7300 -> 2h1m, 200000 -> 2d7h"""
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours}h"
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def problems(home: ClusterHome, rows: list[Row]) -> list[str]:
    """Return one sentence for each component that should run and does not, with the next step."""
    again = f"run `e2i local up --name {home.name}`"
    if all(row.state == "not started" for row in rows):
        return [f"Cluster {home.name} is stopped: to start it, {again}."]
    return [
        f"{row.name} is {_WORDS[row.state]} (log: {supervision.log_of(home, row.name)}): {again}."
        for row in rows
        if row.state != "running"
    ]


_WORDS = {
    "ended": "not running any more, without having been stopped",
    "not started": "not started",
    "not ready": "running but not ready",
}
