"""Processes: found by their marks, never mistaken, ended for certain."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from e2i.local import processes

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = "import subprocess; subprocess.run(['sleep', '60'], env={})"


@pytest.fixture
def run() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts programs and ends them after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*argv: str, **environment: str) -> subprocess.Popen[str]:
        environment = {**os.environ, **environment}
        started.append(subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_process_that_ended_is_not_alive(run: Callable[..., subprocess.Popen[str]]) -> None:
    child = run("sleep", "60")
    process = processes.find(child.pid)
    assert process
    assert process.alive
    child.kill()
    eventually(lambda: not process.alive)


def test_a_stranger_with_the_same_id_is_left_alone(run: Callable[..., subprocess.Popen[str]]) -> None:
    child = run("sleep", "60")
    stranger = processes.find(child.pid)
    assert stranger
    earlier = replace(stranger, started=stranger.started - 1)
    assert not earlier.alive
    processes.stop([earlier], patience=0)
    assert child.poll() is None


def test_one_that_ignores_the_request_to_end_is_killed(run: Callable[..., subprocess.Popen[str]]) -> None:
    child = run(sys.executable, "-c", STUBBORN)
    assert child.stdout
    child.stdout.readline()
    process = processes.find(child.pid)
    assert process
    processes.stop([process], patience=0.2)
    assert child.wait() == -9


def test_marked_processes_are_found_with_their_descendants(
    run: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    child = run(sys.executable, "-c", PARENT, E2I_LOCAL_CLUSTER=str(tmp_path))
    run("sleep", "60", E2I_LOCAL_CLUSTER=f"{tmp_path}-other")
    # The grandchild has an empty environment: only its parent tells whose it is.
    eventually(lambda: len(processes.marked(processes.POD_VARIABLE, str(tmp_path))) == 2)
    found = processes.marked(processes.POD_VARIABLE, str(tmp_path))
    assert child.pid in {process.pid for process in found}
    processes.stop(found, patience=5)
    assert processes.marked(processes.POD_VARIABLE, str(tmp_path)) == []


def test_a_started_program_writes_to_its_log_and_leaves_its_exit_code(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    pid, process = processes.start(
        ("/bin/sh", "-c", "echo $WORD; sleep 0.1; exit 3"), log=log, environment={"WORD": "hello"}
    )
    assert process
    eventually(lambda: not process.alive)
    assert processes.exit_code(pid) == 3
    assert log.read_text() == "hello\n"


def test_a_large_log_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("wb") as file:
        file.truncate(processes.LARGEST_LOG + 1)
    pid, process = processes.start(("/bin/true",), log=log, environment={})
    eventually(lambda: not (process and process.alive))
    processes.exit_code(pid)
    assert log.stat().st_size == 0
    assert (tmp_path / "a.log.1").exists()


def test_a_remembered_process_is_recalled(tmp_path: Path) -> None:
    process = processes.find(os.getpid())
    assert process
    processes.write_record(process, tmp_path / "run" / "a.json")
    assert processes.read_record(tmp_path / "run" / "a.json") == process


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_a_damaged_record_is_no_process(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert processes.read_record(tmp_path / "a.json") is None


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "did not come true within 30 s"
        time.sleep(0.01)
