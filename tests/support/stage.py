"""A namespace with models in it: what people do there, what is to be seen, and the node as the test plays it."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from support.cluster import TestCluster, own_home

from e2i.api import naming
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import E2I_MODELS, EVENTS, PODS
from e2i.local.layout import ClusterHome

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
BUILD_LABEL = "yatai.ai/bento-request"
PATIENCE = 60.0
SHORTEST_PAUSE = 0.1


class Stage:
    """A namespace of its own, looked at and changed as the administrator."""

    def __init__(self, kube: Kube, home: ClusterHome | None, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self._home = home

    @property
    def home(self) -> ClusterHome:
        """The local cluster's folder; on a cluster of somebody's own the test is skipped."""
        return own_home(self._home, "looks at processes or files of the local cluster")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is a cluster of somebody's own."""
        return self._home is None

    async def create(self, name: str = "churn", tag: str = "churn:1.0.0", **spec: Any) -> Object:
        body = {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"type": "Classification", "bento": {"tag": tag}, **spec},
        }

        async def created() -> Object:
            return await self.kube.create(E2I_MODELS, self.namespace, body)

        made: Object = await self.until(created, f"{name} to be taken")
        return made

    async def change(self, name: str = "churn", **spec: Any) -> None:
        await self.kube.patch(E2I_MODELS, self.namespace, name, {"spec": spec})

    async def touch(self, *names: str) -> None:
        """An event without news: the operator makes a pass and must write nothing."""
        for name in names:
            body = {"metadata": {"annotations": {"touched": str(time.monotonic_ns())}}}
            await self.kube.patch(E2I_MODELS, self.namespace, name, body)

    async def model(self, name: str = "churn") -> Object:
        found = await self.kube.get(E2I_MODELS, self.namespace, name)
        assert found, f"there is no model {name}"
        return found

    async def child(self, resource: Resource, name: str) -> Object | None:
        return await self.kube.get(resource, self.namespace, name)

    async def children(self, resource: Resource) -> list[Object]:
        found, _ = await self.kube.list(resource, self.namespace, labels=naming.MODEL_LABEL)
        return found

    async def reason(self, word: str, name: str = "churn") -> str:
        """Wait until Ready has this reason; its message, printed to be read as a user reads it."""

        async def look() -> str | None:
            told = condition(await self.model(name), "Ready")
            return told["message"] if told and told["reason"] == word else None

        message: str = await self.until(look, f"reason {word} of {name}")
        print(f"{word}: {message}")  # noqa: T201
        return message

    async def ready(self, *names: str, patience: float = 4 * PATIENCE) -> None:
        """Play the node until the models are Ready."""

        async def look() -> bool:
            await self.end_builds()
            await self.start_pods()
            models, _ = await self.kube.list(E2I_MODELS, self.namespace)
            wanted = [model for model in models if not names or model["metadata"]["name"] in names]
            return all(is_ready(model) for model in wanted)

        await self.until(look, "Ready", patience)

    async def start_pods(self, labels: str = naming.MODEL_LABEL) -> None:
        """Play the node: every pod of a model, or those with these labels, runs and is ready."""
        running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await self._play(labels, running)

    async def end_builds(self, exit_code: int = 0) -> None:
        """Play the node: every build has run and ended."""
        ended = {"terminated": {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed"}}
        container = {"name": "builder", "image": "", "imageID": "", "ready": False, "restartCount": 0}
        phase = "Failed" if exit_code else "Succeeded"
        await self._play(BUILD_LABEL, {"phase": phase, "containerStatuses": [{**container, "state": ended}]})

    async def _play(self, labels: str, status: Object) -> None:
        pods, _ = await self.kube.list(PODS, self.namespace, labels=labels)
        for pod in pods:
            if pod["status"].get("phase") == "Pending":
                await self.put_pod_status(pod, status)

    async def put_pod_status(self, pod: Object, status: Object) -> None:
        """Play the node for one pod, if it is still there: it may be deleted after it was listed."""
        name = pod["metadata"]["name"]
        try:
            await self.kube.patch(PODS, self.namespace, name, {"status": status}, subresource="status")
        except ApiError as error:
            if error.status != 404:
                raise

    async def events(self, name: str = "churn") -> list[tuple[str, str]]:
        found, _ = await self.kube.list(EVENTS, self.namespace)
        return [(e["type"], e["reason"]) for e in found if e["involvedObject"]["name"] == name]

    async def told(self, kind: str, reason: str, name: str = "churn") -> None:
        """Wait for an event of this type and reason: events are written after the status that they tell of."""

        async def look() -> bool:
            return (kind, reason) in await self.events(name)

        await self.until(look, f"event {kind} {reason} of {name}")

    async def until(self, look: Callable[[], Awaitable[Any]], what: str, patience: float = PATIENCE) -> Any:
        deadline = time.monotonic() + patience
        begun = time.monotonic()
        while not (found := await _unless_busy(look)):
            assert time.monotonic() < deadline, (
                f"waited {patience:.0f} s for {what}: {await self._readiness()}"
            )
            # The more there is to look at, and the busier the machine, the less often.
            await asyncio.sleep(max(SHORTEST_PAUSE, 2 * (time.monotonic() - begun)))
            begun = time.monotonic()
        return found

    async def _readiness(self) -> list[Any]:
        models, _ = await self.kube.list(E2I_MODELS, self.namespace)
        return [(model["metadata"]["name"], condition(model, "Ready")) for model in models]


async def _unless_busy(look: Callable[[], Awaitable[Any]]) -> Any:
    """None while the API server asks to come again: for a moment after a CRD was installed it does."""
    try:
        return await look()
    except ApiError as error:
        if error.status != 429:
            raise
        return None


@contextlib.asynccontextmanager
async def staging(cluster: TestCluster) -> AsyncIterator[Stage]:
    name = f"operator-{uuid.uuid4().hex[:8]}"
    async with await Kube.from_kubeconfig(cluster.kubeconfig) as kube:
        await kube.create(NAMESPACES, None, {"metadata": {"name": name}})
        try:
            yield Stage(kube, cluster.home, name)
        finally:
            await kube.request("DELETE", E2I_MODELS.path(name))
            await _let_go(kube, name)
            await kube.delete(NAMESPACES, None, name)


async def _let_go(kube: Kube, namespace: str) -> None:
    """Let models go that wait for an operator which is no more: they would keep the CRD of the next tests."""
    models, _ = await kube.list(E2I_MODELS, namespace)
    for model in models:
        body = {"metadata": {"finalizers": None}}
        with contextlib.suppress(ApiError):
            await kube.patch(E2I_MODELS, namespace, model["metadata"]["name"], body)


def condition(model: Object, kind: str) -> Mapping[str, Any] | None:
    conditions = model.get("status", {}).get("conditions", ())
    return next((item for item in conditions if item["type"] == kind), None)


def is_ready(model: Object) -> bool:
    told = condition(model, "Ready")
    current = model.get("status", {}).get("observedGeneration") == model["metadata"]["generation"]
    return bool(told and told["status"] == "True" and current)
