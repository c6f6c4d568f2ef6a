"""The operator at work: its connections, its view of the cluster, and the workers that run the passes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from e2i.api import naming
from e2i.archive.errors import ExportFailure
from e2i.archive.export import Exporter
from e2i.archive.s3.bucket import Bucket
from e2i.controller.core.render import manifests
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.jobs.export_jobs import ExportJobs
from e2i.controller.edge.jobs.guard_jobs import GuardJobs
from e2i.controller.edge.jobs.verification_jobs import VerificationJobs
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.release_store_cache import ReleaseStoreCache
from e2i.controller.edge.work_queue import Key, Queue
from e2i.controller.reconcile import Outcome, Pass, reconcile
from e2i.controller.settings import Settings
from e2i.kube import ApiError, Kube, Resource
from e2i.kube.e2i_kinds import CHILDREN, DEPLOYMENTS, E2I_MODELS, OF_YATAI

logger = logging.getLogger("e2i")

RESYNC = 300.0
"""Seconds between two full lists: kopf never tells of what was deleted while its watch was cut off."""
RESYNC_INCOMPLETE = 15.0
"""The same while the cluster does not serve all of Yatai's kinds."""


class Operator:
    """One running operator."""

    def __init__(self, kube: Kube, settings: Settings) -> None:
        self._kube = kube
        self._queue = Queue()
        self._view = Cache()
        bucket = self._bucket = Bucket(settings.bucket, endpoint=settings.endpoint, region=settings.region)
        exporter = Exporter(settings.store, bucket, settings.prefix, settings.largest_bento)
        self._hands = Clients(
            kube=kube,
            view=self._view,
            exports=ExportJobs(exporter, self._queue.add, settings.exports),
            ledgers=ReleaseStoreCache(ReleaseStore(bucket, settings.prefix)),
            verifications=VerificationJobs(kube, self._queue.add),
            watches=GuardJobs(kube, self._queue.add, settings.pod_network),
            access=_builder_access(settings),
        )
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Connect, learn what there is, then begin; ApiError when the API server is out of reach."""
        operation = cls(await _connect(settings), settings)
        try:
            await operation.resync()
        except ApiError:
            await operation.stop()
            raise
        operation._tasks = [
            asyncio.create_task(operation._keep_in_sync(), name="resync"),
            asyncio.create_task(operation._look_at_bucket(settings.prefix), name="bucket"),
            *(asyncio.create_task(operation._work(), name=f"worker {n}") for n in range(settings.workers)),
        ]
        return operation

    async def stop(self) -> None:
        """End all work; a pass is cut short where it waits, and the next operator begins where it stopped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._hands.close()

    def take_in(self, resource: Resource, event: str | None, body: Mapping[str, Any]) -> None:
        """A watch told of an object: remember it, and wake the model it concerns if that is news."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if event == "DELETED":
            concerned = self._view.remove(resource.kind, key, metadata["uid"])
            if resource == E2I_MODELS:
                self._hands.let_go(key)
        else:
            concerned = self._view.put(resource.kind, body)
        if concerned:
            self._queue.add(concerned)

    def health(self) -> dict[str, object]:
        """What the liveness endpoint tells: models known, models waiting for their turn."""
        return {"models": sum(1 for _ in self._view.models()), "waiting": len(self._queue)}

    async def resync(self) -> None:
        """Compare the view with full lists, and wake every model for which they differ."""
        missing: set[str] = set()
        for resource in (*CHILDREN, E2I_MODELS):
            # yatai-deployment passes our label on, so that not every Deployment of the cluster is read.
            labels = naming.MODEL_LABEL if resource is DEPLOYMENTS else ""
            try:
                bodies, version = await self._kube.list(resource, labels=labels)
            except ApiError as error:
                if error.status == 404 and resource in OF_YATAI:
                    missing.add(resource.kind)
                    continue
                raise
            for key in self._view.replace(resource.kind, bodies, int(version)):
                self._queue.add(key)
        if missing != self._view.missing_kinds:
            self._view.missing_kinds = frozenset(missing)
            for model in self._view.models():
                self._queue.add(model.key)

    async def _keep_in_sync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_INCOMPLETE if self._view.missing_kinds else RESYNC)
            try:
                await self.resync()
            except ApiError as error:
                logger.warning("the cluster could not be listed, it is tried again: %s", error)

    async def _look_at_bucket(self, prefix: str) -> None:
        """Clear away what a killed operator left, and say early what every export would stumble over."""
        bentos = f"{prefix}/bentos/" if prefix else "bentos/"
        try:
            aborted = await asyncio.to_thread(self._bucket.abort_stale_uploads, bentos)
            guarded = await asyncio.to_thread(self._bucket.conditional_writes)
        except ExportFailure as failure:
            logger.warning("%s: %s", failure.reason, failure.message, extra={"reason": failure.reason})
            return
        if aborted:
            logger.info("%d unfinished uploads of an earlier operator were given up", aborted)
        if not guarded:
            logger.warning(
                "the S3 server overwrites although asked not to: archives are safe by their digest only"
            )

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                self._follow(key, await reconcile(key, self._hands))
            except ApiError as error:
                logger.warning("%s/%s: %s; it is tried again", *key, error, extra={"model": "/".join(key)})
                self._queue.failed(key)
            except Exception:
                # A bug of ours must not end the worker, nor be repeated in a tight loop.
                logger.exception("%s/%s: the pass failed", *key, extra={"model": "/".join(key)})
                self._queue.failed(key)
            finally:
                self._queue.done(key)

    def _follow(self, key: Key, ended: Pass) -> None:
        match ended.outcome:
            case Outcome.GONE:
                self._queue.forget(key)
            case Outcome.CHANGED:
                self._queue.changed(key)
            case Outcome.FAILED:
                self._queue.failed(key)
            case Outcome.SETTLED:
                self._queue.settled(key)
        if ended.look_again is not None:
            self._queue.add_after(key, ended.look_again)


async def _connect(settings: Settings) -> Kube:
    """As the pod's service account; outside of a cluster as $KUBECONFIG says."""
    if (settings.service_account / "token").is_file():
        return await Kube.from_service_account(settings.service_account)
    with contextlib.suppress(KeyError):
        return await Kube.from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    return await Kube.from_kubeconfig(Path.home() / ".kube" / "config")


def _builder_access(settings: Settings) -> manifests.BuilderAccess:
    endpoint = (("AWS_ENDPOINT_URL", settings.endpoint),) if settings.endpoint else ()
    return manifests.BuilderAccess(
        secret=settings.download_secret, env=(*endpoint, ("AWS_REGION", settings.region))
    )
