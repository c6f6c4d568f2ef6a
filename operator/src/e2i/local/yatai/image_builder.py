"""yatai-image-builder: builds the image of a BentoRequest by a Job, and then makes a Bento.

A request is handled once: after `BentoAvailable=True` it is ignored. After an error it is tried again with a growing
delay. A failed build is not an error: `BentoAvailable` becomes `Unknown`, and only the Job and the condition
`ImageBuilding` show it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import time

from e2i.kube import ApiError, Kube, Object
from e2i.local.images import ImageStore
from e2i.local.yatai import builds
from e2i.local.yatai.conditions import Condition, all_unknown, conditions_of, find_condition, has_status
from e2i.local.yatai.errors import ReconcileError
from e2i.local.yatai.informer import Informer, has_new_generation
from e2i.local.yatai.key_queue import Workqueue
from e2i.local.yatai.write_status import write_conditions
from e2i.local.yatai.yatai_kinds import BENTO, BENTO_REQUEST, JOB, Key, controller_of, key_of

LOG = logging.getLogger("yatai-image-builder")
STARTING = "Starting to reconcile BentoRequest"
NO_YATAI = "can't get yatai client, please check yatai configuration"
FAILURE_SHOWS = 0.1
"""Seconds for which a failed build shows as `BentoAvailable=False`."""


class ImageBuilder:
    def __init__(self, kube: Kube, images: ImageStore) -> None:
        self._kube = kube
        self._images = images
        self._queue = Workqueue()
        self._informers = (
            Informer(kube, BENTO_REQUEST, self._on_request),
            Informer(kube, BENTO, self._on_child),
            Informer(kube, JOB, self._on_child),
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers:
                tasks.create_task(informer.run())
            tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            try:
                await self._reconcile(key)
            except (ApiError, ReconcileError) as error:
                delay = self._queue.add_failed(key)
                LOG.warning("BentoRequest %s/%s: %s; again in %.2f s", *key, error, delay)
            except Exception:
                # A bug that shows with one object must not stop the work on all others.
                LOG.exception("BentoRequest %s/%s", *key)
            else:
                self._queue.forget(key)

    def _on_request(self, before: Object | None, now: Object | None) -> None:
        if now is not None and has_new_generation(before, now):
            self._queue.add(key_of(now))

    def _on_child(self, before: Object | None, now: Object | None) -> None:
        child = now or before
        if child is not None and (owner := controller_of(child, BENTO_REQUEST)):
            self._queue.add(owner)

    async def _reconcile(self, key: Key) -> None:
        request = await self._kube.get(BENTO_REQUEST, *key)
        if request is None or has_status(request, "BentoAvailable", "True"):
            return
        if not conditions_of(request):
            kinds = ("ModelsSeeding", "ImageBuilding", "ImageExists")
            request = await self._write(request, *(Condition(kind, "Unknown", STARTING) for kind in kinds))
        try:
            if not has_status(request, "BentoAvailable", "Unknown"):
                await self._write(request, Condition("BentoAvailable", "Unknown", "Reconciling"))
            if not await self._ensure_image(request):
                building = Condition("BentoAvailable", "Unknown", "Bento image is building")
                await self._write(request, building)
                return
            await self._provide_bento(request)
            await self._write(request, Condition("BentoAvailable", "True", "Bento is generated"))
        except (ApiError, ReconcileError) as error:
            text = error.message if isinstance(error, ApiError) else str(error)
            await self._write(request, Condition("BentoAvailable", "False", text))
            raise

    async def _ensure_image(self, request: Object) -> bool:
        try:
            return await self._find_image(request) or await self._build(request)
        except ApiError as error:
            raise ReconcileError(f"ensure image exists: {error.message}") from error
        except ReconcileError as error:
            raise ReconcileError(f"ensure image exists: {error}") from error

    async def _find_image(self, request: Object) -> bool:
        """Ask the registry for the image; once it is found, do not ask again."""
        image = builds.image_name(request)
        checked = find_condition(request, "ImageExistsChecked")
        if checked and checked["status"] == "True" and checked["message"] == image:
            return True
        await self._write(
            request,
            Condition("ImageExistsChecked", "Unknown", image),
            Condition("BentoAvailable", "Unknown", "Checking image exists"),
        )
        if not builds.is_by_digest(image) and self._images.find(image):
            found = (
                Condition("ImageExists", "True", image),
                Condition("ImageExistsChecked", "True", image),
            )
            await self._write(request, *found)
            return True
        missing = (
            Condition("ImageExists", "False", f"Image {image} is not exists"),
            Condition("ImageExistsChecked", "False", f"Image not exists: {image}"),
        )
        await self._write(request, *missing)
        return False

    async def _build(self, request: Object) -> bool:
        """Start or check the Job; return True once it has succeeded."""
        namespace = request["metadata"]["namespace"]
        jobs, _ = await self._kube.list(JOB, namespace, labels=builds.job_selector(request))
        wanted = builds.request_hash(request)
        for job in jobs:
            if job["metadata"].get("annotations", {}).get(builds.HASH_ANNOTATION) != wanted:
                await self._delete_job(job)
                text = "Bento request hash changed, recreating the jobs"
                await self._write(request, *all_unknown(request, text))
                return False
        for job in jobs[1:]:
            await self._delete_job(job)
        if not jobs:
            await self._start_job(request)
            return False
        return await self._report(request, jobs[0])

    async def _start_job(self, request: Object) -> None:
        if not request["spec"].get("downloadUrl"):
            doing = "generate image builder job: generate image builder pod template spec"
            raise ReconcileError(f"{doing}: {NO_YATAI}")
        job = builds.job(request, new_suffix())
        name = job["metadata"]["name"]
        LOG.info("BentoRequest %s/%s: creating Job %s", *key_of(request), name)
        try:
            await self._kube.create(JOB, request["metadata"]["namespace"], job, manager="yatai-image-builder")
        except ApiError as error:
            raise ReconcileError(f"create image builder job {name}: {error.message}") from error

    async def _report(self, request: Object, job: Object) -> bool:
        name, state = job["metadata"]["name"], builds.state_of(job)
        if state == "running":
            running = f"Image building job {name} is running"
            await self._write(request, Condition("ImageBuilding", "True", running))
        elif state == "waiting":
            waiting = f"Image building job {name} is waiting"
            await self._write(request, Condition("ImageBuilding", "Unknown", waiting))
        elif state == "failed":
            failed = f"Image building job {name} is failed."
            kinds = ("ImageBuilding", "BentoAvailable")
            await self._write(request, *(Condition(kind, "False", failed) for kind in kinds))
            await asyncio.sleep(FAILURE_SHOWS)
        else:
            done = f"Image building job {name} is successed."
            image = builds.image_name(request)
            await self._write(
                request, Condition("ImageBuilding", "False", done), Condition("ImageExists", "True", image)
            )
        return state == "succeeded"

    async def _provide_bento(self, request: Object) -> None:
        if not request["spec"].get("downloadUrl"):
            raise ReconcileError(f"get bento: {NO_YATAI}")
        wanted = builds.bento(request)
        namespace, name = key_of(request)
        live = await self._kube.get(BENTO, namespace, name)
        LOG.info("BentoRequest %s/%s: image %s", namespace, name, wanted["spec"]["image"])
        if live is None:
            await self._kube.create(BENTO, namespace, wanted, manager="yatai-image-builder")
        elif live["spec"] != wanted["spec"]:
            live["spec"] = wanted["spec"]
            live["metadata"]["ownerReferences"] = wanted["metadata"]["ownerReferences"]
            await self._kube.replace(BENTO, live, manager="yatai-image-builder")
        jobs, _ = await self._kube.list(JOB, namespace, labels=builds.job_selector(request))
        for job in jobs:
            await self._delete_job(job)

    async def _delete_job(self, job: Object) -> None:
        metadata = job["metadata"]
        if "deletionTimestamp" not in metadata:
            await self._kube.delete(
                JOB, metadata["namespace"], metadata["name"], uid=metadata["uid"], propagation="Foreground"
            )

    async def _write(self, request: Object, *news: Condition) -> Object:
        return await write_conditions(self._kube, BENTO_REQUEST, request, *news)


def new_suffix() -> str:
    """Return 20 characters that sort by time and that no other Job has."""
    stamp = int(time.time()).to_bytes(4, "big") + os.urandom(8)
    return base64.b32hexencode(stamp).decode().lower()[:20]
