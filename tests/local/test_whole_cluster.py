"""The whole local cluster, as somebody meets it after `e2i local up`."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import urllib.request
from collections.abc import Callable

import pytest
from support.cluster import TestCluster
from support.prometheus import ask, ensure_programs

from e2i.kube import Kube, Resource
from e2i.local import monitors, supervision
from e2i.local.cluster import bring_up, overlay_of
from e2i.local.components import COMPONENT_NAMES, METRICS_SERVER
from e2i.polling import poll

pytestmark = pytest.mark.e2e

NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")


async def test_its_one_node_is_ready(local_cluster: TestCluster) -> None:
    async with await Kube.from_kubeconfig(local_cluster.kubeconfig) as kube:
        node = await kube.get(NODES, None, "local")
    assert node
    assert {"type": "Ready", "status": "True"}.items() <= _condition(node, "Ready").items()


async def test_the_operator_runs_as_a_pod_of_the_cluster(local_cluster: TestCluster) -> None:
    deadline = time.monotonic() + 120
    async with await Kube.from_kubeconfig(local_cluster.kubeconfig) as kube:
        while True:
            pods, _ = await kube.list(PODS, "e2i-system", labels="app.kubernetes.io/name=e2i-operator")
            # One from before an earlier change may still be ending.
            if [_condition(pod, "Ready")["status"] for pod in pods] == ["True"]:
                break
            assert time.monotonic() < deadline, pods
            await asyncio.sleep(0.2)
    assert {pod["spec"]["nodeName"] for pod in pods} == {"local"}


async def test_it_comes_back_after_all_its_components_were_killed_at_once(
    local_cluster: TestCluster, say: Callable[[str], None]
) -> None:
    home = local_cluster.home
    assert home
    victims = [supervision.running(home, name) for name in COMPONENT_NAMES if name != METRICS_SERVER]
    for victim in victims:
        assert victim
        os.kill(victim.pid, signal.SIGKILL)
    # The kernel takes a moment: until then they would count as running.
    assert poll(lambda: not any(victim and victim.alive for victim in victims), within=60, every=0.05)
    bring_up(home, say, bento_store=home.root / "bentoml", overlay=overlay_of(home))
    await test_its_one_node_is_ready(local_cluster)
    await test_the_operator_runs_as_a_pod_of_the_cluster(local_cluster)


def test_prometheus_beside_it_reads_the_operators_pod_and_tells_alertmanager(
    local_cluster: TestCluster, say: Callable[[str], None]
) -> None:
    home = local_cluster.own_home("starts processes beside the local cluster")
    ensure_programs(say)
    monitors.start(home, say)
    try:
        address = monitors.addresses(home)["Prometheus"]
        assert poll(lambda: bool(ask(address, "e2i_build_info")), within=120, every=0.3)
        assert poll(
            lambda: "/api/v2/alerts" in page(f"{address}/api/v1/alertmanagers"), within=120, every=0.3
        )
        # Again: both read their configuration anew.
        processes = [supervision.running(home, name) for name in (monitors.PROMETHEUS, monitors.ALERTMANAGER)]
        monitors.start(home, say, webhook="http://127.0.0.1:9/")
        assert processes == [supervision.running(home, name) for name in ("prometheus", "alertmanager")]
    finally:
        for name in (monitors.PROMETHEUS, monitors.ALERTMANAGER):
            supervision.stop(home, name, say)
    assert monitors.addresses(home) == {}


def page(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own
        return str(answer.read().decode())


def _condition(item: dict, kind: str) -> dict:
    return next(condition for condition in item["status"]["conditions"] if condition["type"] == kind)
