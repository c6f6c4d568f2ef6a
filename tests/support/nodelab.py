"""A control plane with a node agent whose back-off is short, and words for talking about pods."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.kube import Change, Kube, Object
from e2i.local.images import ImageStore, LocalImage
from e2i.local.layout import ClusterHome
from e2i.local.node.node_kinds import EVENTS, PODS
from e2i.local.readiness import Endpoint, is_ready
from e2i.local.supervision import END_WITHIN

ANSWERER = Path(__file__).with_name("answerer.py")
PATIENCE = 90.0


class Agent:
    """The node agent as a process that tests may kill."""

    def __init__(self, home: ClusterHome) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        argv = [sys.executable, "-m", "e2i.local.node", "--home", str(self.home.root), "--backoff", "0.2"]
        with (self.home.logs / "node.log").open("ab") as log:
            self._process = subprocess.Popen(argv, stderr=log)
        endpoint = Endpoint(
            self.home.ports.node_agent, "/healthz", "cluster-ca", "kube-apiserver-kubelet-client"
        )
        deadline = time.monotonic() + PATIENCE
        while not is_ready(self.home, endpoint):
            assert time.monotonic() < deadline, "the node agent does not get ready"
            assert self._process.poll() is None, f"the node agent ended, see {log.name}"
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit code; it must end before the cluster would kill it."""
        assert self._process
        self._process.send_signal(number)
        return self._process.wait(timeout=END_WITHIN)


@dataclass
class Lab:
    """One test's view: a namespace of its own on the shared node."""

    home: ClusterHome
    agent: Agent
    kube: Kube
    namespace: str

    async def run(self, name: str, script: str = "", **spec: Any) -> Object:
        """Create a pod of one container `main` that runs a shell script; `main=...` adds to the container."""
        container = {
            "name": "main",
            "image": "shell",
            "command": ["sh", "-c", script],
            **spec.pop("main", {}),
        }
        spec.setdefault("terminationGracePeriodSeconds", 5)
        body = {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}
        return await self.kube.create(PODS, self.namespace, body)

    async def until(self, name: str, holds: Callable[[Object], object], what: str = "") -> Object:
        """Return the pod as soon as `holds(pod)`; fails with its last status when that does not happen."""
        last: Object = {}
        try:
            async with asyncio.timeout(PATIENCE):
                async for news in self.kube.watch(PODS, self.namespace, fields=f"metadata.name={name}"):
                    objects = (news.object,) if isinstance(news, Change) else news.objects
                    for last in objects:
                        if holds(last):
                            return last
        except TimeoutError:
            pass
        raise AssertionError(f"pod {name} never was {what or holds}: {last.get('status')}")

    async def gone(self, name: str) -> None:
        async def is_gone() -> bool:
            return not await self.kube.get(PODS, self.namespace, name)

        await eventually(is_gone)

    async def kubectl(self, *words: str) -> str:
        """Run kubectl in the namespace and return all it printed."""
        process = await asyncio.create_subprocess_exec(
            *[
                str(self.home.kubectl),
                "--kubeconfig",
                str(self.home.kubeconfig),
                "-n",
                self.namespace,
                *words,
            ],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        return output.decode()

    async def event(self, reason: str) -> Object:
        """Return the first event with that reason, as soon as there is one."""
        found: list[Object] = []

        async def is_there() -> bool:
            events, _ = await self.kube.list(EVENTS, self.namespace)
            found.extend(event for event in events if event["reason"] == reason)
            return bool(found)

        await eventually(is_there)
        return found[0]

    def volume(self, pod: Object, name: str) -> Path:
        return self.home.pods / pod["metadata"]["uid"] / "volumes" / name


async def eventually(holds: Callable[[], Awaitable[object]]) -> None:
    """Return as soon as `holds()` is true; TimeoutError when that does not happen."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110  what is waited for happens in other processes
            await asyncio.sleep(0.05)


def main_status(pod: Object) -> Object:
    """The status of the container `main`, empty while there is none."""
    statuses: list[Object] = (pod.get("status") or {}).get("containerStatuses") or []
    return next((status for status in statuses if status["name"] == "main"), {})


def is_running(pod: Object) -> bool:
    return "running" in main_status(pod).get("state", {})


def is_ready_pod(pod: Object) -> bool:
    return bool(main_status(pod).get("ready"))


def has_phase(phase: str) -> Callable[[Object], bool]:
    return lambda pod: (pod.get("status") or {}).get("phase") == phase


def waits_for(reason: str) -> Callable[[Object], bool]:
    return lambda pod: main_status(pod).get("state", {}).get("waiting", {}).get("reason") == reason


def register_images(home: ClusterHome) -> None:
    """The two images of these tests: a shell, and a server that answers with its pod's name."""
    store = ImageStore(home.images)
    shell = {"digest": "sha256:" + "5" * 64, "working_dir": str(home.root)}
    store.put(LocalImage(name="shell", **shell))  # type: ignore[arg-type]
    store.put(
        LocalImage(
            name="answerer",
            digest="sha256:" + "a" * 64,
            working_dir=str(home.root),
            command=(sys.executable, str(ANSWERER)),
        )
    )
