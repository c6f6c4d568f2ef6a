"""What goes wrong around a cluster, and what the user is told. On real components; no test needs another's cluster."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cluster import temporary_home

from e2i.local import cluster, processes, supervision
from e2i.local.components import COMPONENT_NAMES, CONTROL_PLANE, METRICS_SERVER
from e2i.local.errors import ClusterError
from e2i.local.layout import ClusterHome
from e2i.local.toolchain import ensure_tools

pytestmark = pytest.mark.api

STORAGE = ("etcd", "s3")
E2I = Path(sys.executable).with_name("e2i")


def quiet(line: str) -> None:
    """The steps do not matter here."""


@pytest.fixture
def home(say: Callable[[str], None]) -> Iterator[ClusterHome]:
    ensure_tools(say)
    with temporary_home("test-faults") as home:
        yield home


def test_a_busy_port_is_named_with_who_has_it(home: ClusterHome) -> None:
    with socket.create_server(("127.0.0.1", home.ports.s3)):
        expected = rf"Port {home.ports.s3} of s3 is in use by .*process {os.getpid()}\. End that program"
        with pytest.raises(ClusterError, match=expected):
            cluster.start_components(home, STORAGE, quiet)
    cluster.start_components(home, STORAGE, quiet)
    assert running(home) == STORAGE


def test_a_killed_component_is_reported_and_comes_back(home: ClusterHome) -> None:
    cluster.start_components(home, STORAGE, quiet)
    kill(home, "s3")
    answer = e2i("status", home)
    assert answer.returncode == 1
    assert "s3 is not running any more, without having been stopped" in answer.stderr
    assert running(home) == ("etcd",)
    cluster.start_components(home, STORAGE, quiet)
    assert running(home) == STORAGE


def test_two_commands_at_once_start_one_cluster(tmp_path: Path, say: Callable[[str], None]) -> None:
    ensure_tools(say)
    state = tmp_path / "state"
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    try:
        both = [
            subprocess.Popen(
                [E2I, "local", "up", "--name=twin", "--no-operator"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        answers = [command.communicate() for command in both]
        assert [command.returncode for command in both] == [0, 0], answers
        for name in COMPONENT_NAMES:
            if name in ("node", METRICS_SERVER):
                continue  # The node has a guardian below it, and metrics-server was not asked for.
            found = processes.marked(processes.COMPONENT_VARIABLE, f"{state}/e2i/twin:{name}")
            assert len(found) == 1, name
    finally:
        cluster.reset(state / "e2i" / "twin", quiet)
    assert list((state / "e2i").iterdir()) == [state / "e2i" / "lock"]


def test_a_component_that_cannot_start_is_quoted_with_its_log(home: ClusterHome) -> None:
    home.etcd.write_text("a file where a folder belongs")
    with pytest.raises(ClusterError, match=r"etcd ended with exit code \d+ .* read .*/logs/etcd\.log"):
        cluster.start_components(home, ("etcd",), quiet)


def test_a_lost_record_of_a_running_component_does_no_harm(home: ClusterHome) -> None:
    cluster.start_components(home, STORAGE, quiet)
    for record in home.run.glob("*.json"):
        record.write_text("?")
    cluster.start_components(home, STORAGE, quiet)
    assert running(home) == STORAGE
    for name in STORAGE:
        assert len(processes.marked(processes.COMPONENT_VARIABLE, f"{home.root}:{name}")) == 1


def test_down_stops_what_it_has_no_record_of(home: ClusterHome) -> None:
    cluster.start_components(home, STORAGE, quiet)
    for record in home.run.glob("*.json"):
        record.unlink()
    cluster.down(home, quiet)
    for name in STORAGE:
        assert processes.marked(processes.COMPONENT_VARIABLE, f"{home.root}:{name}") == []


def test_down_ends_what_pods_left_behind(home: ClusterHome) -> None:
    leftover = subprocess.Popen(["sleep", "60"], env={**os.environ, "E2I_LOCAL_CLUSTER": str(home.root)})
    cluster.down(home, quiet)
    assert leftover.wait() == -signal.SIGTERM


def test_a_lost_authority_is_replaced_and_the_components_follow(home: ClusterHome) -> None:
    cluster.start_components(home, STORAGE, quiet)
    (home.pki / "etcd-ca.crt").unlink()
    cluster.start_components(home, STORAGE, quiet)
    assert running(home) == STORAGE


def test_a_full_disk_is_told_before_anything_starts(
    home: ClusterHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LEAST_FREE_DISK", 2**60)
    with pytest.raises(ClusterError, match=r"MiB left, .* Free some space"):
        cluster.start_components(home, STORAGE, quiet)
    assert running(home) == ()


def test_a_damaged_record_of_the_cluster_can_be_reset(home: ClusterHome) -> None:
    cluster.start_components(home, STORAGE, quiet)
    content = home.record.read_text()
    home.record.write_text("?")
    answer = e2i("status", home)
    assert (answer.returncode, "is damaged" in answer.stderr) == (1, True)
    assert "Traceback" not in answer.stderr
    home.record.write_text(content)


def test_the_data_survives_down_and_up(home: ClusterHome) -> None:
    cluster.start_components(home, STORAGE, quiet)
    (home.bucket_data / "e2i" / "object").write_text("content")
    cluster.down(home, quiet)
    assert running(home) == ()
    cluster.start_components(home, STORAGE, quiet)
    assert (home.bucket_data / "e2i" / "object").read_text() == "content"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    # Not even root may make a folder there.
    answer = run_e2i(["local", "up", "--name", "x", "--no-operator"], XDG_STATE_HOME="/sys/kernel")
    assert answer.returncode == 1
    assert "/sys/kernel/e2i" in answer.stderr
    assert "XDG_STATE_HOME" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_missing_manifests_are_named_before_anything_starts(tmp_path: Path) -> None:
    arguments = ["local", "up", "--name", "x", "--manifests", str(tmp_path / "nowhere")]
    answer = run_e2i(arguments, XDG_STATE_HOME=str(tmp_path))
    assert answer.returncode == 1
    assert "--no-operator" in answer.stderr


def test_a_cluster_that_is_not_there_is_no_traceback(tmp_path: Path) -> None:
    for command in ("status", "down", "kubeconfig", "reset"):
        answer = run_e2i(["local", command, "--name", "nobody"], XDG_STATE_HOME=str(tmp_path))
        assert answer.returncode == 1
        assert answer.stderr.startswith("Error: There is no cluster")


def test_reset_asks_and_keeps_everything_without_a_yes(home: ClusterHome) -> None:
    answer = e2i("reset", home, given="n\n")
    assert answer.returncode == 1
    assert home.record.exists()


def running(home: ClusterHome) -> tuple[str, ...]:
    return tuple(name for name in CONTROL_PLANE if supervision.running(home, name))


def kill(home: ClusterHome, name: str) -> None:
    pid = json.loads((home.run / f"{name}.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while supervision.running(home, name):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def e2i(command: str, home: ClusterHome, given: str = "") -> subprocess.CompletedProcess[str]:
    """The command on a cluster whose folder is where the command looks for it."""
    state = home.root.parent / "state" / "e2i"
    state.mkdir(parents=True, exist_ok=True)
    if not (state / home.name).exists():
        (state / home.name).symlink_to(home.root)
    arguments = ["local", command, "--name", home.name]
    return run_e2i(arguments, given, XDG_STATE_HOME=str(state.parent))


def run_e2i(arguments: list[str], given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [E2I, *arguments], input=given, capture_output=True, text=True, env={**os.environ, **environment}
    )
