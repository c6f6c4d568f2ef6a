"""The life of a local cluster: up, down, reset. Everything can be repeated; what is there already is left alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from e2i.local import ports, processes
from e2i.local.certificates import ensure_certificates
from e2i.local.components import BUCKET, CONTROL_PLANE, EVERYTHING, Component, Tools, components
from e2i.local.credentials import ensure_credentials
from e2i.local.faults import ClusterFault
from e2i.local.kubeconfigs import write_kubeconfigs
from e2i.local.layout import (
    HIGHEST_INDEX,
    ClusterHome,
    Ports,
    home_of,
    known_homes,
    load_home,
    save_home,
)
from e2i.local.readiness import is_ready
from e2i.local.toolchain import ensure_tools

Say = Callable[[str], None]

READY_WITHIN = 60.0
END_WITHIN = 10.0
POLL = 0.05
LEAST_FREE_DISK = 512 * 1024**2


def open_home(name: str) -> ClusterHome:
    """The cluster of that name; made, with the lowest index that is free, when there is none."""
    root = home_of(name)
    if (root / "cluster.json").exists():
        return load_home(root)
    taken = {home.index for home in known_homes()}
    for index in range(HIGHEST_INDEX + 1):
        # Another user's cluster is not in our list, but its ports are busy.
        if index not in taken and all(ports.is_free(port) for port in Ports(index=index).in_use):
            home = ClusterHome(name, index, root)
            save_home(home)
            return load_home(root)
    raise ClusterFault(
        f"No place for another cluster: all {HIGHEST_INDEX + 1} port ranges from 21000 on are in use. "
        "Remove a cluster with `e2i local reset --name NAME`."
    )


def start_components(home: ClusterHome, names: Sequence[str], say: Say) -> None:
    """Bring the named components up, in order; those that run already are only asked whether they are ready."""
    tools = ensure_tools(say)
    with exclusively(home, say):
        _prepare(home, tools, say)
        for component in components(home, tools, ensure_credentials(home)):
            if component.name in names:
                _ensure_running(home, component, say)


def down(home: ClusterHome, say: Say) -> None:
    """Stop everything, pods first. Nothing of the cluster runs afterwards; all files stay."""
    with exclusively(home, say):
        for name in ("node", "yatai", *reversed(CONTROL_PLANE)):
            _stop(home, name, say)
        leftovers = processes.marked(processes.POD_VARIABLE, str(home.root))
        if leftovers:
            say(f"ending {len(leftovers)} processes that pods left behind")
            processes.stop(leftovers, patience=END_WITHIN)


def reset(home: ClusterHome, say: Say) -> None:
    """Stop everything and remove every file of the cluster; the built tools stay in the cache."""
    down(home, say)
    shutil.rmtree(home.root)


@contextlib.contextmanager
def exclusively(home: ClusterHome, say: Say) -> Iterator[None]:
    """Let one command at a time change the cluster; others wait. Released with the process, however it ends."""
    with open(os.open(home.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another command is changing cluster {home.name}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(home: ClusterHome, tools: Tools, say: Say) -> None:
    """Folders, certificates and kubeconfigs; the components must start afresh when certificates changed."""
    free = shutil.disk_usage(home.root).free
    if free < LEAST_FREE_DISK:
        raise ClusterFault(
            f"The disk of {home.root} has {free // 1024**2} MiB left, a cluster needs at least 512. "
            "Free some space, or set XDG_STATE_HOME to a folder on another disk."
        )
    for folder in (
        home.run,
        home.logs,
        home.images,
        home.pods,
        home.bucket_data / BUCKET,
        home.kubectl.parent,
    ):
        folder.mkdir(parents=True, exist_ok=True)
    made = ensure_certificates(home, datetime.fromtimestamp(time.time(), tz=UTC))
    if made:
        running = [name for name in EVERYTHING if _running(home, name)]
        for name in reversed(running):
            _stop(home, name, say)
        say(f"made {len(made)} keys and certificates")
    write_kubeconfigs(home)
    home.kubectl.unlink(missing_ok=True)
    home.kubectl.symlink_to(tools.controlplane)


def _ensure_running(home: ClusterHome, component: Component, say: Say) -> None:
    started = time.monotonic()
    process = _running(home, component.name)
    if not process:
        process = _start(home, component)
        _wait_until_ready(home, component, process)
        say(f"{component.name} is ready ({time.monotonic() - started:.1f} s)")
    else:
        _wait_until_ready(home, component, process)
        say(f"{component.name} runs already")


def _start(home: ClusterHome, component: Component) -> processes.Process:
    # One whose record was lost would hold the port or the data for ever.
    processes.stop(_strays(home, component.name), patience=END_WITHIN)
    for port in component.ports:
        if not ports.is_free(port):
            raise ClusterFault(
                f"Port {port} of {component.name} is in use by {ports.holder(port) or 'another user'}. "
                f"End that program, or choose another cluster: `e2i local up --name other`."
            )
    log = log_of(home, component.name)
    mark = {processes.COMPONENT_VARIABLE: f"{home.root}:{component.name}"}
    pid, process = processes.start(component.argv, log=log, environment={**component.environment, **mark})
    if not process:
        raise _ended(component.name, pid, log)
    processes.remember(process, _record_of(home, component.name))
    return process


def _wait_until_ready(home: ClusterHome, component: Component, process: processes.Process) -> None:
    log = log_of(home, component.name)
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if not process.alive:
            raise _ended(component.name, process.pid, log)
        if component.ready is None or is_ready(home, component.ready):
            return
        time.sleep(POLL)
    raise ClusterFault(
        f"{component.name} runs but was not ready within {READY_WITHIN:.0f} s; "
        f"its last line is: {last_line(log)} Read {log}."
    )


def _ended(name: str, pid: int, log: Path) -> ClusterFault:
    code = processes.exit_code(pid)
    how = "" if code is None else f" with exit code {code}"
    return ClusterFault(
        f"{name} ended{how} before it was ready; its last line is: {last_line(log)} Read {log}."
    )


def _stop(home: ClusterHome, name: str, say: Say) -> None:
    process = _running(home, name)
    processes.stop([process] if process else [], patience=END_WITHIN)
    processes.stop(_strays(home, name), patience=END_WITHIN)
    _record_of(home, name).unlink(missing_ok=True)
    if process:
        say(f"{name} is stopped")


def _running(home: ClusterHome, name: str) -> processes.Process | None:
    process = processes.recall(_record_of(home, name))
    return process if process and process.alive else None


def _strays(home: ClusterHome, name: str) -> list[processes.Process]:
    return processes.marked(processes.COMPONENT_VARIABLE, f"{home.root}:{name}")


def _record_of(home: ClusterHome, name: str) -> Path:
    return home.run / f"{name}.json"


def log_of(home: ClusterHome, name: str) -> Path:
    return home.logs / f"{name}.log"


def last_line(log: Path) -> str:
    """The last line that says something; `(nothing)` for an empty or missing log."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "(nothing)")
