"""Prometheus and Alertmanager beside a cluster: what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from e2i.local import alertmanager_process, prometheus_process
from e2i.local.errors import ClusterError
from e2i.local.layout import ClusterHome
from e2i.local.monitors import MANIFESTS, MONITORS, addresses, start

KUBECONFIG = Path("/state/admin.yaml")


def scrape(name: str) -> dict:
    return prometheus_process.scrape_of(yaml.safe_load((MANIFESTS / name).read_text()), KUBECONFIG)


def kept(scrape: dict) -> set[tuple[str, str]]:
    return {
        (rule["source_labels"][0].removeprefix("__meta_kubernetes_pod_"), rule["regex"])
        for rule in scrape["relabel_configs"]
        if rule.get("action") == "keep"
    }


def test_each_monitor_finds_its_own_pods() -> None:
    assert {name: kept(scrape(name)) for name in MONITORS} == {
        "servicemonitor.yaml": {
            ("label_app_kubernetes_io_name", "e2i-operator"),
            ("container_port_name", "metrics"),
        },
        "podmonitor.yaml": {
            ("labelpresent_serving_e2i_dev_release", "true"),
            ("container_port_name", "http"),
        },
        "gateway-podmonitor.yaml": {
            ("label_app_kubernetes_io_name", "e2i-gateway"),
            ("container_port_name", "metrics"),
        },
    }


def test_models_are_looked_for_everywhere_and_the_operator_in_its_namespace() -> None:
    (everywhere,) = scrape("podmonitor.yaml")["kubernetes_sd_configs"]
    assert "namespaces" not in everywhere
    (own,) = scrape("servicemonitor.yaml")["kubernetes_sd_configs"]
    assert own["namespaces"] == {"names": ["e2i-system"]}


def test_the_namespace_of_a_series_of_the_operator_stays() -> None:
    assert scrape("servicemonitor.yaml")["honor_labels"]
    assert not scrape("podmonitor.yaml")["honor_labels"]


def test_without_a_webhook_alerts_are_on_the_page_alone() -> None:
    (receiver,) = alertmanager_process.configuration("", wait="5s", again="1m")["receivers"]
    assert "webhook_configs" not in receiver
    (receiver,) = alertmanager_process.configuration("http://pager/", wait="5s", again="1m")["receivers"]
    assert receiver["webhook_configs"] == [{"url": "http://pager/"}]


def test_they_answer_on_this_machine_alone() -> None:
    for argv in (
        prometheus_process.command(Path("p"), Path("f"), "127.0.0.1:1"),
        alertmanager_process.command(Path("a"), Path("f"), "127.0.0.1:1"),
    ):
        assert "--web.listen-address=127.0.0.1:1" in argv
    assert "--cluster.listen-address=" in argv, "no port for other Alertmanagers"


def test_what_is_missing_without_a_checkout_is_said(tmp_path: Path) -> None:
    home = ClusterHome("test", 0, tmp_path)
    with pytest.raises(ClusterError, match=r"rules are not in .* leave out --monitoring"):
        start(home, lambda line: None, manifests=tmp_path)
    assert addresses(home) == {}
