"""An independent watch: tells when a model and each of its children were first to be seen."""

from __future__ import annotations

import asyncio
import time
from typing import Self

from benchmarks.baseline_plan import OWN

from e2i.api.naming import MODEL_LABEL
from e2i.kube import Change, Kube, Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS

PATIENCE = 300.0


class Observer:
    """Watches one namespace while it is entered. Times are seconds of the machine's monotonic clock.

    `without`: the name of objects that it does not hear of.
    """

    def __init__(self, kube: Kube, namespace: str, *, without: str = "") -> None:
        self._kube = kube
        self._namespace = namespace
        self._fields = f"metadata.name!={without}" if without else ""
        self._first: dict[tuple[str, str], asyncio.Future[float]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        begun = {kind: asyncio.Event() for kind in OWN}
        self._tasks = [asyncio.create_task(self._watch(*each)) for each in begun.items()]
        async with asyncio.timeout(PATIENCE):
            for event in begun.values():
                await event.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def model(self, name: str) -> float:
        """When the model was seen; waits for it."""
        return await self._seen(E2I_MODELS, name)

    async def children(self, model: str) -> float:
        """When both children of the model had been seen."""
        return max(await self._seen(BENTO_REQUESTS, model), await self._seen(BENTO_DEPLOYMENTS, model))

    async def latency(self, model: str) -> float:
        """Milliseconds from the model to its second child."""
        created = await self.model(model)
        return 1000 * (await self.children(model) - created)

    async def _seen(self, resource: Resource, model: str) -> float:
        try:
            return await asyncio.wait_for(asyncio.shield(self._moment(resource.kind, model)), PATIENCE)
        except TimeoutError:
            raise RuntimeError(f"no {resource.kind} of model {model} within {PATIENCE:.0f} s") from None

    async def _watch(self, resource: Resource, begun: asyncio.Event) -> None:
        async for news in self._kube.watch(resource, self._namespace, fields=self._fields):
            begun.set()
            # A list comes again when changes may have been missed.
            for item in (news.object,) if isinstance(news, Change) else news.objects:
                self._note(resource, item["metadata"])

    def _note(self, resource: Resource, metadata: Object) -> None:
        model = metadata.get("labels", {}).get(MODEL_LABEL, metadata["name"])
        moment = self._moment(resource.kind, model)
        if not moment.done():
            moment.set_result(time.monotonic())

    def _moment(self, kind: str, model: str) -> asyncio.Future[float]:
        return self._first.setdefault((kind, model), asyncio.get_running_loop().create_future())
