"""What counts as a container's memory, and the guardian that watches it, with real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from e2i.local.node.guardian import Guardian, obey
from e2i.local.node.memory import MemoryWatch
from e2i.local.node.sweep import CLUSTER_MARK, process_tree, processes

MIB = 1024**2
HOLDS_60_MIB = "import os, sys; kept = bytearray(60 << 20);"
WAITS = "print(flush=True); sys.stdin.read()"
PATIENCE = 60.0


@contextlib.contextmanager
def container(*argv: str, marks: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a session of its own, that has printed a line; it is gone afterwards."""
    pipe = subprocess.PIPE
    environment = {**os.environ, **(marks or {})}
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, start_new_session=True, env=environment) as first:
        assert first.stdout
        try:
            first.stdout.readline()
            yield first
        finally:
            for pid in process_tree({first.pid}, processes()):
                os.kill(pid, signal.SIGKILL)


def looked_at(first: subprocess.Popen[bytes], limit: int) -> int:
    """Return the bytes at which one look kills the container, 0 if it does not."""
    watch = MemoryWatch()
    watch.add("c", first.pid, limit)
    watch.look()
    return watch.remove("c")


def test_the_memory_of_a_child_counts_and_all_processes_are_killed() -> None:
    child = f"'{sys.executable}' -c '{HOLDS_60_MIB} {WAITS}'; exit 3"
    with container("sh", "-c", child) as first:
        assert looked_at(first, 100 * MIB) == 0
        assert 50 * MIB < looked_at(first, 50 * MIB) < 100 * MIB
        assert first.wait(PATIENCE) == -signal.SIGKILL


def test_memory_that_processes_share_counts_once() -> None:
    forks = f"{HOLDS_60_MIB} all(os.fork() for _ in range(3)) or sys.stdin.read(); {WAITS}"
    with container(sys.executable, "-c", forks) as first:
        assert looked_at(first, 120 * MIB) == 0


def test_a_child_that_still_runs_in_its_parents_memory_does_not_count(tmp_path: Path) -> None:
    os.mkfifo(gate := tmp_path / "gate")
    # Between vfork and exec the child waits until somebody opens the gate.
    opens = f"file_actions=[(os.POSIX_SPAWN_OPEN, 0, {str(gate)!r}, os.O_RDONLY, 0)]"
    starts = f"{HOLDS_60_MIB} print(flush=True); os.posix_spawn('/bin/true', ['true'], {{}}, {opens})"
    with container(sys.executable, "-c", starts) as first:
        deadline = time.monotonic() + PATIENCE
        while len(process_tree({first.pid}, processes())) < 2:
            assert time.monotonic() < deadline, "the child does not start"
        assert looked_at(first, 100 * MIB) == 0
        gate.write_bytes(b"")
        assert first.wait(PATIENCE) == 0


def test_without_containers_there_is_nothing_to_look_at() -> None:
    watch = MemoryWatch()
    assert watch.look() is None
    assert obey("watch c 1 100", watch) == ""
    assert obey("forget c", watch) == "c 0\n"
    assert watch.look() is None


def guardian_process() -> int:
    ours = [process.pid for process in processes().values() if process.parent == os.getpid()]
    (pid,) = [pid for pid in ours if b"e2i.local.node.guardian" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return pid


async def test_a_new_guardian_watches_what_the_one_before_did(tmp_path: Path) -> None:
    guardian = Guardian(tmp_path)
    await guardian.start()
    keeping = asyncio.create_task(guardian.keep())
    grows = f"import sys, time; {WAITS}; {HOLDS_60_MIB} time.sleep(1000)"
    with container(sys.executable, "-c", grows) as first:
        guardian.watch("c", first.pid, 50 * MIB)
        os.kill(guardian_process(), signal.SIGKILL)
        assert first.stdin
        first.stdin.close()
        assert await asyncio.to_thread(first.wait, PATIENCE) == -signal.SIGKILL
        assert await guardian.forget("c")
        assert not await guardian.forget("c")
    keeping.cancel()
    await guardian.end()


async def test_a_guardian_that_is_stopped_does_not_hold_up_the_end_of_the_agent_which_does_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2i.local.node.guardian.PATIENCE", 0.2)
    guardian = Guardian(tmp_path)
    await guardian.start()
    stopped = guardian_process()
    os.kill(stopped, signal.SIGSTOP)
    marks = {CLUSTER_MARK: str(tmp_path)}
    with container(sys.executable, "-c", f"import sys; {WAITS}", marks=marks) as left:
        try:
            async with asyncio.timeout(PATIENCE):
                await guardian.end()
            assert await asyncio.to_thread(left.wait, PATIENCE) == -signal.SIGKILL
            assert not Path(f"/proc/{stopped}").exists()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGKILL)


async def test_a_guardian_that_is_stopped_holds_up_no_end_of_a_container_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guardian = Guardian(tmp_path)
    await guardian.start()
    keeping = asyncio.create_task(guardian.keep())
    stopped = guardian_process()
    os.kill(stopped, signal.SIGSTOP)
    with container(sys.executable, "-c", f"{HOLDS_60_MIB} {WAITS}") as large:
        try:
            guardian.watch("ended", os.getpid(), 1 << 50)
            guardian.watch("large", large.pid, 50 * MIB)
            with monkeypatch.context() as hurried:
                hurried.setattr("e2i.local.node.guardian.PATIENCE", 0.2)
                async with asyncio.timeout(PATIENCE):
                    assert not await guardian.forget("ended")
            assert await asyncio.to_thread(large.wait, PATIENCE) == -signal.SIGKILL
            assert await guardian.forget("large")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGKILL)
            keeping.cancel()
            await guardian.end()
