"""The processes that a cluster's folder says were started."""

from __future__ import annotations

import sys
from pathlib import Path

from e2i.local import supervision
from e2i.local.component import Component
from e2i.local.layout import ClusterHome
from e2i.polling import poll

READS_AGAIN = """
import pathlib, signal, sys
said = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGHUP, lambda *_: said.write_text("read again"))
said.write_text("read")
while True:
    signal.pause()
"""


def test_processes_beside_the_components_are_known_by_their_records(tmp_path: Path) -> None:
    home = ClusterHome("mine", 0, tmp_path)
    home.run.mkdir()
    for name in ("stack-ports", "etcd"):
        (home.run / f"{name}.json").write_text("{}")
    (home.run / "node.log").write_text("")
    assert supervision.recorded(home) == ["etcd", "stack-ports"]


def test_a_cluster_that_never_ran_has_none(tmp_path: Path) -> None:
    assert supervision.recorded(ClusterHome("mine", 0, tmp_path)) == []


def test_a_process_that_runs_already_reads_its_configuration_again(tmp_path: Path) -> None:
    home, said = ClusterHome("mine", 0, tmp_path), tmp_path / "said"
    home.run.mkdir()
    component = Component("reader", (sys.executable, "-c", READS_AGAIN, str(said)))
    first = supervision.launch_or_reread(home, component)
    try:
        assert poll(lambda: said.exists() and said.read_text() == "read", within=60, every=0.05)
        again = supervision.launch_or_reread(home, component)
        assert (again.process.pid, again.is_new) == (first.process.pid, False)
        assert poll(lambda: said.read_text() == "read again", within=60, every=0.05)
    finally:
        supervision.stop(home, "reader", lambda _: None)
