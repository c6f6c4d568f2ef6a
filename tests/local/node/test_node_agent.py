"""The agent itself: what it registers, whom it answers, and what is left when it ends."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from support.nodelab import Agent, Lab, eventually, is_ready_pod, is_running, main_status

from e2i.local.node.node_kinds import EVENTS, LEASES, NODES, PODS
from e2i.local.node.nodestatus import is_ready
from e2i.local.node.sweep import CLUSTER_MARK, marked, processes

pytestmark = pytest.mark.api

FAMILY = "env -i sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &) ; wait"
"""A container with a child without our mark, one in a session of its own, and one without a parent."""


async def test_the_node_is_ready_and_keeps_its_lease(lab: Lab) -> None:
    async def is_registered() -> bool:
        node = await lab.kube.get(NODES, None, "local") or {}
        lease = await lab.kube.get(LEASES, "kube-node-lease", "local")
        return is_ready(node) and lease is not None and lease["spec"]["holderIdentity"] == "local"

    await eventually(is_registered)
    node = await lab.kube.get(NODES, None, "local") or {}
    assert int(node["status"]["allocatable"]["memory"].removesuffix("Ki")) > 0


@pytest.mark.parametrize(
    ("client", "status"), [("kube-apiserver-kubelet-client", 200), ("admin", 403), ("node", 403)]
)
async def test_only_the_api_server_is_answered(lab: Lab, client: str, status: int) -> None:
    assert ask(lab, client, "/healthz")[0] == status


@pytest.mark.parametrize(("client", "status"), [("admin", 200), ("node", 403)])
async def test_metrics_are_served_to_a_certificate_whose_user_may_read_them(
    lab: Lab, client: str, status: int
) -> None:
    assert ask(lab, client, "/metrics/resource")[0] == status


async def test_without_a_certificate_and_without_a_token_nothing_is_answered(lab: Lab) -> None:
    for path in ("/healthz", "/metrics/resource", "/containerLogs/a/b/c"):
        assert ask(lab, "", path)[0] == 403


async def test_metrics_are_served_to_a_token_that_may_read_them(lab: Lab) -> None:
    """As metrics-server asks: with the token of its ServiceAccount and without a certificate."""
    account = f"system:serviceaccount:{lab.namespace}:default"
    token = (await lab.kubectl("create", "token", "default")).strip()
    path = "/metrics/resource"
    assert ask(lab, "", path, token="invented") == (401, "the API server does not accept this token\n")
    refusal = f"{account} may not get nodes/metrics of local: grant it with RBAC\n"
    assert ask(lab, "", path, token=token) == (403, refusal)
    await lab.kubectl("create", "clusterrole", lab.namespace, "--verb=get", "--resource=nodes/metrics")
    await lab.kubectl(
        "create", "clusterrolebinding", lab.namespace, f"--clusterrole={lab.namespace}", f"--user={account}"
    )

    async def is_answered() -> bool:
        status, text = ask(lab, "", path, token=token)
        return status == 200 and "node_cpu_usage_seconds_total" in text

    await eventually(is_answered)
    assert ask(lab, "", "/healthz", token=token)[0] == 403


def ask(lab: Lab, client: str, path: str, token: str = "") -> tuple[int, str]:
    pki = lab.home.pki
    context = ssl.create_default_context(cafile=pki / "cluster-ca.crt")
    if client:
        context.load_cert_chain(pki / f"{client}.crt", pki / f"{client}.key")
    connection = http.client.HTTPSConnection(
        "127.0.0.1", lab.home.ports.node_agent, context=context, timeout=30
    )
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


async def test_the_use_of_a_busy_container_is_measured(lab: Lab) -> None:
    await lab.run("busy", "while :; do :; done")
    await lab.until("busy", is_running)
    label = f'container_cpu_usage_seconds_total{{container="main",namespace="{lab.namespace}",pod="busy"}} '

    async def has_used_cpu() -> bool:
        lines = ask(lab, "kube-apiserver-kubelet-client", "/metrics/resource")[1].splitlines()
        return any(
            float(line.removeprefix(label).split()[0]) > 0.1 for line in lines if line.startswith(label)
        )

    await eventually(has_used_cpu)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_every_process_ends_with_the_agent_and_comes_back_with_the_next(
    lab: Lab, number: signal.Signals
) -> None:
    await lab.run("a", FAMILY, main={"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}})
    before = await lab.until("a", is_ready_pod)
    agent: Agent = lab.agent

    async def is_complete() -> bool:
        return len(marked(CLUSTER_MARK, str(lab.home.root), processes())) >= 4

    await eventually(is_complete)
    family = marked(CLUSTER_MARK, str(lab.home.root), processes())
    try:
        code = agent.end(number)
        assert code == (0 if number is signal.SIGTERM else -9)

        async def all_gone() -> bool:
            return not family & set(processes())

        await eventually(all_gone)
    finally:
        agent.start()
    after = await lab.until("a", lambda pod: main_status(pod).get("restartCount") == 1 and is_ready_pod(pod))
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert main_status(after)["lastState"]["terminated"]["exitCode"] == 137
    events, _ = await lab.kube.list(EVENTS, lab.namespace)
    assert "FailedPreStopHook" not in {event["reason"] for event in events}, "it waited for the pause"


async def test_a_guardian_that_is_killed_is_replaced(lab: Lab) -> None:
    await lab.run("a", FAMILY)
    await lab.until("a", is_ready_pod)
    (first,) = guardians(lab)
    os.kill(first, signal.SIGKILL)

    async def another_is_there() -> bool:
        return bool(guardians(lab) - {first})

    await eventually(another_is_there)
    assert is_running(await lab.kube.get(PODS, lab.namespace, "a") or {})


def guardians(lab: Lab) -> set[int]:
    words = f"e2i.local.node.guardian\0{lab.home.root}\0".encode()
    return {pid for pid in processes() if words in command_line(pid)}


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def test_what_an_earlier_agent_left_is_killed_at_the_start(lab: Lab) -> None:
    root = str(lab.home.root)
    left, other = [
        await asyncio.create_subprocess_exec("sleep", "1000", env={**os.environ, CLUSTER_MARK: cluster})
        for cluster in (root, root + "2")
    ]
    try:
        lab.agent.end()
        lab.agent.start()
        assert await asyncio.wait_for(left.wait(), 60) == -signal.SIGKILL
        assert other.returncode is None
    finally:
        other.kill()
        await other.wait()


async def test_a_second_agent_of_the_same_cluster_ends_without_harm(lab: Lab) -> None:
    await lab.run("a", "sleep 1000")
    before = await lab.until("a", is_running)
    argv = [sys.executable, "-m", "e2i.local.node", "--home", str(lab.home.root)]
    second = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.PIPE)
    _, errors = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 1
    assert b"address already in use" in errors
    after = await lab.kube.get(PODS, lab.namespace, "a") or {}
    assert main_status(after)["containerID"] == main_status(before)["containerID"]
    assert is_running(after)


def test_without_a_cluster_it_says_so_in_one_sentence(tmp_path: object) -> None:
    argv = [sys.executable, "-m", "e2i.local.node", "--home", str(tmp_path)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "cluster.json is missing" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
