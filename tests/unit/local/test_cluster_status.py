"""What `e2i local status` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.local.cluster_status import Row, duration, problems, table
from e2i.local.layout import ClusterHome

HOME = ClusterHome("test", 0, Path("/state/test"))
RUNS = Row("etcd", 4711, "running", 75.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (7.9, "7s"), (75, "1m15s"), (3600, "1h0m"), (7300, "2h1m"), (200000, "2d7h")],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_the_table_has_one_line_for_each_component() -> None:
    lines = table([RUNS, Row("node", None, "ended", None)]).splitlines()
    assert [line.split() for line in lines] == [
        ["COMPONENT", "PID", "STATE", "SINCE"],
        ["etcd", "4711", "running", "1m15s"],
        ["node", "-", "ended", "-"],
    ]


def test_a_cluster_that_runs_gives_no_reason_to_complain() -> None:
    assert problems(HOME, [RUNS]) == []


def test_each_component_that_should_run_is_named_with_the_next_step() -> None:
    sentences = problems(HOME, [RUNS, Row("node", None, "ended", None), Row("s3", 9, "not ready", 4.0)])
    assert len(sentences) == 2
    assert all("run `e2i local up --name test`" in sentence for sentence in sentences)
    assert "/state/test/logs/node.log" in sentences[0]


def test_a_stopped_cluster_is_one_sentence() -> None:
    rows = [Row("etcd", None, "not started", None), Row("node", None, "not started", None)]
    assert problems(HOME, rows) == ["Cluster test is stopped: to start it, run `e2i local up --name test`."]
