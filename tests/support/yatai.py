"""A namespace of the test cluster with the Yatai stand-in at work in it, and how to look at what it makes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from support.cluster import TestCluster

from e2i.kube import Kube, Object, Resource
from e2i.local.images import ImageStore, LocalImage
from e2i.local.yatai.conditions import find_condition
from e2i.local.yatai.deployment_controller import DeploymentController
from e2i.local.yatai.image_builder import ImageBuilder
from e2i.local.yatai.yatai_kinds import BENTO, BENTO_DEPLOYMENT, BENTO_REQUEST, JOB

NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
POD = Resource("", "v1", "pods", "Pod")
PATIENCE = 60.0
# What the API server and Kubernetes' own controllers add, and what differs from run to run.
VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "generateName")


class Workbench:
    """One namespace; objects are made and looked at as the administrator."""

    def __init__(self, kube: Kube, namespace: str, images: ImageStore) -> None:
        self.kube = kube
        self.namespace = namespace
        self.images = images

    async def create(self, resource: Resource, name: str, spec: Object, **metadata: Any) -> Object:
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": self.namespace, **metadata},
            "spec": spec,
        }
        return await self.kube.create(resource, self.namespace, body)

    async def bento(self, name: str = "fraud-v1", **changes: Any) -> Object:
        spec = {"tag": "fraud:v1", "image": "registry.example/fraud@sha256:" + "d2" * 32} | changes
        return await self.create(BENTO, name, spec)

    async def deployment(self, name: str = "plain", bento: str = "fraud-v1", **spec: Any) -> Object:
        return await self.create(BENTO_DEPLOYMENT, name, {"bento": bento, **spec})

    async def request(self, name: str = "ok", **changes: Any) -> Object:
        spec = {"bentoTag": f"fraud:{name}", "downloadUrl": f"s3://bentos/fraud/{name}.tar"} | changes
        return await self.create(BENTO_REQUEST, name, {k: v for k, v in spec.items() if v is not None})

    async def get(self, resource: Resource, name: str) -> Object | None:
        return await self.kube.get(resource, self.namespace, name)

    async def patch(self, resource: Resource, name: str, body: Object, **options: Any) -> Object:
        return await self.kube.patch(resource, self.namespace, name, body, **options)

    async def seen(self, resource: Resource, name: str) -> Object:
        return await self.until(lambda: self.get(resource, name), f"{resource.kind} {name}")

    async def condition(self, resource: Resource, name: str, kind: str, status: str) -> str:
        """Wait until the condition has the status; returns its message."""

        async def look() -> Object | None:
            item = await self.get(resource, name)
            condition = find_condition(item, kind) if item else None
            return condition if condition and condition["status"] == status else None

        return str((await self.until(look, f"{kind}={status} of {name}"))["message"])

    async def job(self, but: str = "") -> Object:
        """The builder's Job, other than the one called `but` and not being deleted."""

        async def look() -> Object | None:
            jobs, _ = await self.kube.list(JOB, self.namespace)
            jobs = [j for j in jobs if "deletionTimestamp" not in j["metadata"]]
            return next((j for j in jobs if j["metadata"]["name"] != but), None)

        return await self.until(look, "a Job")

    async def end_build(self, job: Object, exit_code: int) -> None:
        """Play the node: the builder's container has ended."""

        async def look() -> Object | None:
            labels = f"job-name={job['metadata']['name']}"
            pods, _ = await self.kube.list(POD, self.namespace, labels=labels)
            return pods[0] if pods else None

        pod = await self.until(look, "the builder's pod")
        ended = {"terminated": {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed"}}
        container = {"name": "builder", "image": "", "imageID": "", "ready": False, "restartCount": 0}
        status = {
            "phase": "Failed" if exit_code else "Succeeded",
            "containerStatuses": [{**container, "state": ended}],
        }
        await self.patch(POD, pod["metadata"]["name"], {"status": status}, subresource="status")

    async def settle(self) -> None:
        """Return when the single workers have done all that was waiting: something newer is done too."""
        name = f"newer-{time.monotonic_ns()}"
        await self.bento(name)
        await self.deployment(name, bento=name)
        await self.condition(BENTO_DEPLOYMENT, name, "Available", "True")
        await self.request(name, downloadUrl=None)
        await self.condition(BENTO_REQUEST, name, "BentoAvailable", "False")

    def register(self, image: str) -> None:
        self.images.put(LocalImage(name=image, digest="sha256:0", working_dir="/"))

    async def until(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := await look()):
            assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
            await asyncio.sleep(0.05)
        return found


@contextlib.asynccontextmanager
async def workbench(cluster: TestCluster, folder: Path) -> AsyncIterator[Workbench]:
    """A new namespace; no controller runs yet."""
    name = f"yatai-{uuid.uuid4().hex[:8]}"
    async with await Kube.from_kubeconfig(cluster.kubeconfig) as kube:
        await kube.create(NAMESPACE, None, {"metadata": {"name": name}})
        yield Workbench(kube, name, ImageStore(folder / "images"))
        await kube.delete(NAMESPACE, None, name)
    await until_sockets_are_closed()


async def until_sockets_are_closed() -> None:
    """Return when only the loop's own socket is left: TLS connections that were cut off end a little later."""
    registered = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]
    deadline = time.monotonic() + PATIENCE
    while len(registered) > 1:
        assert time.monotonic() < deadline, f"{len(registered) - 1} sockets are still open"
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def controllers(cluster: TestCluster, images: ImageStore) -> AsyncIterator[None]:
    """Both controllers at work, each with its own identity where the cluster has them."""

    def identity(name: str) -> Path:
        return cluster.home.kubeconfig_of(name) if cluster.home else cluster.kubeconfig

    async with (
        await Kube.from_kubeconfig(identity("yatai-deployment")) as first,
        await Kube.from_kubeconfig(identity("yatai-image-builder")) as second,
    ):
        running = asyncio.gather(DeploymentController(first).run(), ImageBuilder(second, images).run())
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def made(item: Object) -> Object:
    """The object as its maker wrote it, without what differs from run to run."""
    plain = copy.deepcopy(item)
    plain.pop("status", None)
    for key in VOLATILE:
        plain["metadata"].pop(key, None)
    for annotation in ("banzaicloud.com/last-applied", "deployment.kubernetes.io/revision"):
        plain["metadata"].get("annotations", {}).pop(annotation, None)
    for owner in plain["metadata"].get("ownerReferences", ()):
        owner["uid"] = "<uid>"
    for key in ("clusterIP", "clusterIPs"):
        plain.get("spec", {}).pop(key, None)
    return plain


def conditions(item: Object) -> list[tuple[str, str, str, str]]:
    return [(c["type"], c["status"], c["reason"], c["message"]) for c in item["status"]["conditions"]]
