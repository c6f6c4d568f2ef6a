"""Watch the pods that are bound to this node, and run a worker for each."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable

from e2i.kube import Kube, Object, Snapshot
from e2i.local.node.node_kinds import PODS
from e2i.local.node.setup import Node, temporary_folder
from e2i.local.node.worker import PodWorker

log = logging.getLogger(__name__)


class Pods:
    """The pods of this node and their workers."""

    def __init__(self, kube: Kube, name: str, node: Node) -> None:
        self._kube = kube
        self._name = name
        self._node = node
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._finished: set[str] = set()
        self._swept = False

    def workers(self) -> Iterable[PodWorker]:
        return self._workers.values()

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """Return the worker of the pod with this name, of the newest one if there are several, or None."""
        found = None
        for worker in self._workers.values():
            metadata = worker.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                found = worker
        return found

    async def run(self) -> None:
        """Watch the pods for ever."""
        async for news in self._kube.watch(PODS, fields=f"spec.nodeName={self._name}"):
            if isinstance(news, Snapshot):
                self._replace(news.objects)
            elif news.type == "DELETED":
                self._remove(news.object["metadata"]["uid"])
            else:
                self._take(news.object)

    async def halt(self, grace: float) -> None:
        """End the processes of all pods within `grace` seconds; the pods stay in the API."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.gather(*(worker.halt(grace) for worker in self._workers.values()))
        for uid in self._workers:
            shutil.rmtree(temporary_folder(uid), ignore_errors=True)

    def _replace(self, pods: tuple[Object, ...]) -> None:
        present = {pod["metadata"]["uid"] for pod in pods}
        for uid in [*self._workers, *self._finished]:
            if uid not in present:
                self._remove(uid)
        if not self._swept:
            self._swept = True
            for folder in self._node.home.pods.iterdir():
                if folder.name not in present:
                    shutil.rmtree(folder, ignore_errors=True)
                    shutil.rmtree(temporary_folder(folder.name), ignore_errors=True)
        for pod in pods:
            self._take(pod)

    def _take(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid].update(pod)
        elif uid not in self._finished:
            worker = self._workers[uid] = PodWorker(pod, self._node)
            task = self._tasks[uid] = asyncio.create_task(worker.run(), name=f"pod {uid}")
            task.add_done_callback(lambda task: self._finish(uid, task))

    def _remove(self, uid: str) -> None:
        self._finished.discard(uid)
        if uid in self._workers:
            self._workers[uid].mark_removed()

    def _finish(self, uid: str, task: asyncio.Task[None]) -> None:
        """Remove a worker that has ended; start it again after a bug of ours."""
        worker = self._workers[uid]
        if task.cancelled():
            return
        if error := task.exception():
            log.error("pod %s: %s", uid, error, exc_info=error)
            asyncio.get_running_loop().call_later(1.0, self._again, uid)
            return
        del self._workers[uid], self._tasks[uid]
        if not worker.is_removed:
            # A finalizer keeps it in the API; its later events must not start it again.
            self._finished.add(uid)

    def _again(self, uid: str) -> None:
        worker = self._workers[uid]
        task = self._tasks[uid] = asyncio.create_task(worker.run(), name=f"pod {uid}")
        task.add_done_callback(lambda task: self._finish(uid, task))
