"""The node of all lives at once: every build ends well, every pod of a model is ready, as soon as it is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from support.cluster import TestCluster
from support.stage import BUILD_LABEL

from e2i.api import naming
from e2i.kube import ApiError, Kube, Object, Snapshot
from e2i.kube.e2i_kinds import PODS

_ENDED = {
    "name": "builder",
    "image": "",
    "imageID": "",
    "ready": False,
    "restartCount": 0,
    "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
}
_BUILT = {"phase": "Succeeded", "containerStatuses": [_ENDED]}
_RUNNING = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


@contextlib.asynccontextmanager
async def node(cluster: TestCluster) -> AsyncIterator[None]:
    async with await Kube.from_kubeconfig(cluster.kubeconfig) as kube:
        playing = asyncio.create_task(_play(kube))
        try:
            yield
        finally:
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await playing


async def _play(kube: Kube) -> None:
    async for news in kube.watch(PODS):
        for pod in news.objects if isinstance(news, Snapshot) else (news.object,):
            labels = pod["metadata"].get("labels", {})
            if pod["status"].get("phase") != "Pending":
                continue
            if BUILD_LABEL in labels:
                await _write(kube, pod, _BUILT)
            elif naming.MODEL_LABEL in labels:
                await _write(kube, pod, _RUNNING)


async def _write(kube: Kube, pod: Object, status: Object) -> None:
    metadata = pod["metadata"]
    # It may be gone by now.
    with contextlib.suppress(ApiError):
        await kube.patch(
            PODS, metadata["namespace"], metadata["name"], {"status": status}, subresource="status"
        )
