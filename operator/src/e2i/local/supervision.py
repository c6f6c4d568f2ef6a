"""Start one component if it does not run, wait until it is ready, and stop it reliably."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2i.local import ports, processes
from e2i.local.component import Component
from e2i.local.errors import ClusterError
from e2i.local.layout import ClusterHome
from e2i.local.readiness import is_ready
from e2i.polling import poll

Say = Callable[[str], None]

# A limit for a machine under heavy load; a component that ends is noticed at once.
READY_WITHIN = 120.0
END_WITHIN = 10.0
POLL = 0.05


@dataclass(frozen=True)
class Launched:
    """A component that runs and may not be ready yet."""

    component: Component
    process: processes.Process
    is_new: bool
    """False if it ran already."""


def launch(home: ClusterHome, component: Component) -> Launched:
    """Start the component if it does not run; ClusterError if it cannot be started."""
    process = running(home, component.name)
    if process:
        return Launched(component, process, is_new=False)
    return Launched(component, _start(home, component), is_new=True)


def launch_or_reread(home: ClusterHome, component: Component) -> Launched:
    """Start the component, or let it read its configuration again if it runs (SIGHUP)."""
    launched = launch(home, component)
    if not launched.is_new:
        os.kill(launched.process.pid, signal.SIGHUP)
    return launched


def wait_until_ready(home: ClusterHome, launched: Launched, say: Say) -> None:
    """Wait until the component is ready; ClusterError with the last line of its log if it ends or takes too long."""
    name, process, log = launched.component.name, launched.process, log_of(home, launched.component.name)

    def is_up() -> bool:
        answers = _is_ready(home, launched.component)
        # Another program may have answered on its port.
        if not process.alive:
            raise _ended(name, process.pid, log)
        return answers

    if not poll(is_up, within=READY_WITHIN, every=POLL):
        raise ClusterError(
            f"{name} runs but was not ready within {READY_WITHIN:.0f} s; "
            f"its last line is: {last_line(log)} -- read {log}."
        )
    say(f"{name} is ready" if launched.is_new else f"{name} runs already")


def _is_ready(home: ClusterHome, component: Component) -> bool:
    return component.ready is None or is_ready(home, component.ready)


def _start(home: ClusterHome, component: Component) -> processes.Process:
    # A process whose record was lost would hold the port or the data for ever.
    processes.stop(_strays(home, component.name), patience=END_WITHIN)
    for port in component.ports:
        if not ports.wait_until_free(port):
            raise ClusterError(
                f"Port {port} of {component.name} is in use by {ports.holder(port) or 'another user'}. "
                f"End that program, or choose another cluster: `e2i local up --name other`."
            )
    log = log_of(home, component.name)
    mark = {processes.COMPONENT_VARIABLE: f"{home.root}:{component.name}"}
    pid, process = processes.start(component.argv, log=log, environment={**component.environment, **mark})
    if not process:
        raise _ended(component.name, pid, log)
    processes.write_record(process, _record_of(home, component.name))
    return process


def _ended(name: str, pid: int, log: Path) -> ClusterError:
    code = processes.exit_code(pid)
    how = "" if code is None else f" with exit code {code}"
    return ClusterError(
        f"{name} ended{how} before it was ready; its last line is: {last_line(log)} -- read {log}."
    )


def stop(home: ClusterHome, name: str, say: Say) -> None:
    """Stop the component and all other processes with its mark; none of them runs afterwards."""
    process = running(home, name)
    processes.stop([process] if process else [], patience=END_WITHIN)
    processes.stop(_strays(home, name), patience=END_WITHIN)
    _record_of(home, name).unlink(missing_ok=True)
    if process:
        say(f"{name} is stopped")


def running(home: ClusterHome, name: str) -> processes.Process | None:
    """Return the component's process if it lives, or None."""
    process = processes.read_record(_record_of(home, name))
    return process if process and process.alive else None


def was_started(home: ClusterHome, name: str) -> bool:
    """Return whether the component should run: it was started and not stopped since."""
    return _record_of(home, name).exists()


def recorded(home: ClusterHome) -> list[str]:
    """Return the names of the processes that were started and not stopped since, sorted."""
    return sorted(file.stem for file in home.run.glob("*.json"))


def _strays(home: ClusterHome, name: str) -> list[processes.Process]:
    return processes.marked(processes.COMPONENT_VARIABLE, f"{home.root}:{name}")


def _record_of(home: ClusterHome, name: str) -> Path:
    return home.run / f"{name}.json"


def log_of(home: ClusterHome, name: str) -> Path:
    """Return the file of the component's output."""
    return home.logs / f"{name}.log"


def last_line(log: Path) -> str:
    """Return the last line of the log that is not empty, or `(nothing)` if there is none."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "(nothing)")
