"""The processes that a cluster's folder says were started."""

from __future__ import annotations

from pathlib import Path

from e2i.local import supervision
from e2i.local.layout import ClusterHome


def test_processes_beside_the_components_are_known_by_their_records(tmp_path: Path) -> None:
    home = ClusterHome("mine", 0, tmp_path)
    home.run.mkdir()
    for name in ("stack-ports", "etcd"):
        (home.run / f"{name}.json").write_text("{}")
    (home.run / "node.log").write_text("")
    assert supervision.recorded(home) == ["etcd", "stack-ports"]


def test_a_cluster_that_never_ran_has_none(tmp_path: Path) -> None:
    assert supervision.recorded(ClusterHome("mine", 0, tmp_path)) == []
