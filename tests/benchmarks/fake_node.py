"""A node on which every pod is ready at once: what is measured is the operator, not the models' start.

It is a Node object, kept alive, and a watch that answers every pod bound to it with a ready status.
"""

from __future__ import annotations

import asyncio
from typing import Self

from e2i import clock
from e2i.kube import ApiError, Change, Kube, Object, Resource

NAME = "bench"
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
HEARTBEAT = 5.0


class FakeNode:
    """The node, while it is entered."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
        await self._kube.create(NODES, None, node)
        self._tasks = [asyncio.create_task(self._live()), asyncio.create_task(self._run_pods())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _live(self) -> None:
        room = {"cpu": "100000", "memory": "1000Ti", "pods": "100000"}
        while True:
            ready = {"type": "Ready", "status": "True", "reason": "Fake", "lastHeartbeatTime": _now()}
            status = {"capacity": room, "allocatable": room, "conditions": [ready]}
            await self._kube.patch(NODES, None, NAME, {"status": status}, subresource="status")
            await asyncio.sleep(HEARTBEAT)

    async def _run_pods(self) -> None:
        async for news in self._kube.watch(PODS, fields=f"spec.nodeName={NAME}"):
            for pod in (news.object,) if isinstance(news, Change) else news.objects:
                if not isinstance(news, Change) or news.type != "DELETED":
                    await self._run(pod)

    async def _run(self, pod: Object) -> None:
        metadata = pod["metadata"]
        place = (PODS, metadata["namespace"], metadata["name"])
        try:
            if "deletionTimestamp" in metadata:
                await self._kube.delete(*place, grace_seconds=0)
            elif pod["status"].get("phase") != "Running":
                await self._kube.patch(*place, {"status": _ready(pod)}, subresource="status")
        except ApiError as error:
            if error.status not in (404, 409):
                raise


def _ready(pod: Object) -> Object:
    conditions = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": _now()}},
        }
        for container in pod["spec"]["containers"]
    ]
    return {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "startTime": _now(),
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": _now()} for kind in conditions],
        "containerStatuses": containers,
    }


def _now() -> str:
    return clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
