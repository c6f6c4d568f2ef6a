import os

from e2i.local.node.usage import Meter, Subject, exposition


def test_a_process_is_measured_under_its_container_and_its_pod() -> None:
    subject = Subject(namespace="models", pod="churn-1", container="main", pid=os.getpid(), started_at=12.0)
    text = exposition(*Meter().samples([subject]))
    figures = dict(line.rsplit(" ", 2)[:2] for line in text.splitlines() if not line.startswith("#"))
    labels = '{container="main",namespace="models",pod="churn-1"}'
    assert float(figures["container_cpu_usage_seconds_total" + labels]) > 0
    assert float(figures["container_memory_working_set_bytes" + labels]) > 1024**2
    assert figures["container_start_time_seconds" + labels] == "12.000"
    assert float(figures['pod_cpu_usage_seconds_total{namespace="models",pod="churn-1"}']) > 0
    assert float(figures["node_cpu_usage_seconds_total"]) > 0


def test_without_containers_there_are_no_empty_metrics() -> None:
    assert "container_" not in exposition(*Meter().samples([]))


def test_each_figure_has_the_time_at_which_it_was_read() -> None:
    text = exposition([("node_cpu_usage_seconds_total", {}, 12.5)], 1700000000.25)
    assert "node_cpu_usage_seconds_total 12.500 1700000000250" in text
