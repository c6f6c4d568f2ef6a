"""Yatai and the pods of thousands of models, as fast as one program can write what the real controllers would.

Nothing else runs controllers on the benchmark's control plane, so what is measured is the operator. A model whose
name begins with `bad` gets a pod that crashes again and again, one with `late` a pod that does not get ready.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Self

from e2i import clock
from e2i.api.conditions import timestamp
from e2i.api.naming import MODEL_LABEL
from e2i.kube import ApiError, Change, Kube, Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, DEPLOYMENTS, PODS

AT_ONCE = 8
BAD, LATE = "bad", "late"
CRASH_EVERY = 10.0
HASH_LABEL, HASH = "pod-template-hash", "5f4b6"


class FastYatai:
    """The controllers, while it is entered."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._tasks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(AT_ONCE)
        self._done: set[str] = set()

    async def __aenter__(self) -> Self:
        self._begin(self._follow(BENTO_REQUESTS, self._build))
        self._begin(self._follow(BENTO_DEPLOYMENTS, self._run))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, resource: Resource, act: Callable[[Object], Awaitable[None]]) -> None:
        async for news in self._kube.watch(resource):
            for item in (news.object,) if isinstance(news, Change) else news.objects:
                if item["metadata"]["uid"] not in self._done:
                    self._done.add(item["metadata"]["uid"])
                    self._begin(self._one(item, act))

    async def _one(self, item: Object, act: Callable[[Object], Awaitable[None]]) -> None:
        try:
            async with self._free:
                await act(item)
        except ApiError as error:
            if error.status not in (404, 409):  # Gone, or there since an earlier FastYatai.
                raise

    async def _build(self, request: Object) -> None:
        image = f"registry.example/bentos:{request['metadata']['name']}"
        conditions = [
            _condition("BentoAvailable", "True", ""),
            _condition("ImageBuilding", "False", "built"),
            _condition("ImageExists", "True", image),
        ]
        await self._tell(BENTO_REQUESTS, request, {"imageBuilderPodStatus": {}, "conditions": conditions})

    async def _run(self, release: Object) -> None:
        metadata, labels = release["metadata"], release["spec"]["labels"]
        namespace, name, model = metadata["namespace"], metadata["name"], labels[MODEL_LABEL]
        workload = await self._kube.create(DEPLOYMENTS, namespace, _deployment(release))
        ready = 0 if model.startswith((BAD, LATE)) else 1
        counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "observedGeneration": 1}
        pod = await self._kube.create(PODS, namespace, _pod(name, namespace, labels, workload))
        await self._tell(PODS, pod, _pod_status(is_ready=bool(ready), crashes=0))
        await self._tell(DEPLOYMENTS, workload, counts)
        if model.startswith(BAD):
            self._begin(self._crash(pod))

    async def _crash(self, pod: Object) -> None:
        for count in itertools.count(1):
            await asyncio.sleep(CRASH_EVERY)
            await self._tell(PODS, pod, _pod_status(is_ready=False, crashes=count))

    async def _tell(self, resource: Resource, item: Object, status: Object) -> None:
        metadata = item["metadata"]
        await self._kube.patch(
            resource, metadata["namespace"], metadata["name"], {"status": status}, subresource="status"
        )


def _condition(kind: str, status: str, message: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": "Fake",
        "message": message,
        "lastTransitionTime": timestamp(clock.now()),
    }


def _owned(name: str, namespace: str, labels: Object, kind: str, owner: Object) -> Object:
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    return {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [reference]}


def _deployment(release: Object) -> Object:
    metadata, labels = release["metadata"], release["spec"]["labels"]
    owned = _owned(metadata["name"], metadata["namespace"], labels, "BentoDeployment", release)
    template = {"metadata": {"labels": labels}, "spec": {"containers": [_container()]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": owned, "spec": spec}


def _pod(name: str, namespace: str, labels: Object, workload: Object) -> Object:
    owned = _owned(f"{name}-0", namespace, labels | {HASH_LABEL: HASH}, "ReplicaSet", workload)
    # The ReplicaSet between both is in its name only: that is how a pod's Deployment is found.
    owned["ownerReferences"][0]["name"] += f"-{HASH}"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": owned, "spec": {"containers": [_container()]}}


def _container() -> Object:
    return {"name": "main", "image": "registry.example/bentos:1", "resources": {"requests": {"cpu": "1m"}}}


def _pod_status(*, is_ready: bool, crashes: int) -> Object:
    ended = {"exitCode": 1, "reason": "Error"}
    state: Object = {"running": {}}
    if crashes:
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    container: Object = {
        "name": "main",
        "image": "registry.example/bentos:1",
        "imageID": "",
        "ready": is_ready,
        "restartCount": crashes,
        "state": state,
    }
    if crashes:
        container["lastState"] = {"terminated": ended}
    ready = {"type": "Ready", "status": "True" if is_ready else "False"}
    return {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [ready],
        "containerStatuses": [container],
    }
