"""Service addresses on the node: who answers there, and what clients see while that changes."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import Any

import pytest
from support.nodelab import Lab, eventually, is_ready_pod

from e2i.kube import Object, Resource
from e2i.local.node.node_kinds import PODS, SERVICES

pytestmark = pytest.mark.api

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
READINESS = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1, "failureThreshold": 1}
MAIN: dict[str, Any] = {
    "name": "main",
    "image": "answerer",
    "readinessProbe": READINESS,
    "ports": [{"name": "http", "containerPort": 8000}],
    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
}
STATE = [{"name": "state", "emptyDir": {}}]


async def service(lab: Lab, name: str, selector: dict[str, str], **more: Any) -> str:
    """Make a Service on port 3000 and return its address."""
    spec = {"selector": selector, "ports": [{"port": 3000, "targetPort": "http"}], **more}
    body = {"metadata": {"name": name}, "spec": spec}
    return str((await lab.kube.create(SERVICES, lab.namespace, body))["spec"]["clusterIP"])


async def answerer(lab: Lab, name: str, **labels: str) -> Object:
    spec = {"containers": [MAIN], "volumes": STATE, "terminationGracePeriodSeconds": 5}
    body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    return await lab.kube.create(PODS, lab.namespace, body)


class Client:
    """One connection to a Service."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection(self.address, 3000)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, path: str = "name") -> str:
        self.writer.write(f"GET /{path} HTTP/1.1\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        return (await self.reader.readexactly(int(head.split()[-1]))).decode()


async def who_answers(address: str, path: str = "name") -> str:
    """Ask over a new connection; "" when it fails."""
    try:
        async with Client(address) as client:
            return await client.ask(path)
    except (OSError, asyncio.IncompleteReadError):
        return ""


async def until_answered_by(address: str, *names: str) -> None:
    """Return once the latest answers came from exactly these pods ("" for nobody)."""

    async def holds() -> bool:
        return {await who_answers(address) for _ in range(8)} == set(names)

    await eventually(holds)


class Traffic:
    """Clients that ask all the time, each over a new connection."""

    def __init__(self, address: str, clients: int = 4) -> None:
        self.answers: Counter[str] = Counter()
        self._tasks = [asyncio.create_task(self._ask(address)) for _ in range(clients)]

    async def _ask(self, address: str) -> None:
        while True:
            self.answers[await who_answers(address, "slow")] += 1

    async def is_answered_by(self, name: str) -> None:
        async def holds() -> bool:
            return self.answers[name] >= 4

        await eventually(holds)

    async def end(self) -> Counter[str]:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return self.answers


async def test_connections_are_shared_evenly_among_ready_pods(lab: Lab) -> None:
    address = await service(lab, "s", {"app": "x"})
    for name in ("a", "b"):
        await answerer(lab, name, app="x")
    await until_answered_by(address, "a", "b")
    answers = Counter([await who_answers(address) for _ in range(20)])
    assert answers == {"a": 10, "b": 10}


async def test_an_unready_pod_gets_nothing_and_without_any_the_address_refuses(lab: Lab) -> None:
    address = await service(lab, "s", {"app": "x"})
    pods = {name: await answerer(lab, name, app="x") for name in ("a", "b")}
    await until_answered_by(address, "a", "b")
    (lab.volume(pods["a"], "state") / "ready").touch()
    await until_answered_by(address, "b")
    (lab.volume(pods["b"], "state") / "ready").touch()
    await until_answered_by(address, "")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(address, 3000)


async def test_a_new_selector_moves_new_connections_and_leaves_old_ones(lab: Lab) -> None:
    address = await service(lab, "s", {"release": "one"})
    await answerer(lab, "one", release="one")
    await answerer(lab, "two", release="two")
    await lab.until("two", is_ready_pod)
    await until_answered_by(address, "one")
    traffic = Traffic(address)
    async with Client(address) as old:
        assert await old.ask() == "one"
        await traffic.is_answered_by("one")
        await lab.kube.patch(SERVICES, lab.namespace, "s", {"spec": {"selector": {"release": "two"}}})
        await until_answered_by(address, "two")
        await traffic.is_answered_by("two")
        assert await old.ask() == "one"
    assert set(await traffic.end()) == {"one", "two"}


async def test_a_rolling_update_loses_no_request(lab: Lab) -> None:
    address = await service(lab, "s", {"app": "x"})
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [MAIN], "volumes": STATE}}
    strategy = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "x"}},
        "template": template,
        "strategy": strategy,
    }
    await lab.kube.create(DEPLOYMENTS, lab.namespace, {"metadata": {"name": "d"}, "spec": spec})
    await lab.kubectl("rollout", "status", "deploy/d")
    before = {pod["metadata"]["name"] for pod in (await lab.kube.list(PODS, lab.namespace))[0]}
    await until_answered_by(address, *before)
    traffic = Traffic(address)
    await lab.kubectl("rollout", "restart", "deploy/d")
    await lab.kubectl("rollout", "status", "deploy/d")
    for name in before:
        await lab.gone(name)
    answers = await traffic.end()
    assert answers[""] == 0
    assert len(set(answers) - before) == 2


async def test_an_address_that_is_in_use_is_reported_on_the_service(lab: Lab) -> None:
    address = lab.home.addresses.kubernetes_service.replace(".0.1", ".77.77")
    with socket.create_server((address, 3000)):
        await service(lab, "s", {"app": "x"}, clusterIP=address)
        await answerer(lab, "a", app="x")
        event = await lab.event("PortNotForwarded")
        assert f"{address}:3000 is not forwarded: another process listens there" in event["message"]
        assert event["involvedObject"]["kind"] == "Service"
    await until_answered_by(address, "a")
