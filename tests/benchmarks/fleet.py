"""Creates many models, and waits for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.figures import say
from benchmarks.observer import Observer
from benchmarks.plant import MODELS, NAMESPACE, a_model

from e2i.kube import ApiError, Kube, Object, Resource

AT_ONCE = 4
PATIENCE = 900.0
SAY_EVERY = 15.0
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")


@dataclass(frozen=True)
class Fleet:
    """Models of one bento; `sent` is set when a burst has been created."""

    kube: Kube
    tag: str
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def prepare(self, namespaces: Iterable[str]) -> None:
        """Make the namespaces, with what a pod needs in them: no controller runs that would."""
        for namespace in namespaces:
            for resource, place, name in (
                (NAMESPACES, None, namespace),
                (SERVICE_ACCOUNTS, namespace, "default"),
            ):
                try:
                    await self.kube.create(resource, place, _named(resource, name))
                except ApiError as error:
                    if error.status != 409:
                        raise

    async def create(self, name: str, namespace: str = NAMESPACE, *, tag: str = "") -> None:
        await self.kube.create(MODELS, namespace, a_model(name, tag or self.tag, namespace))

    async def create_many(self, prefix: str, count: int) -> None:
        await self.create_numbered(prefix, range(count))

    async def create_numbered(self, prefix: str, numbers: Iterable[int]) -> None:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with free:
                await self.create(f"{prefix}-{number}")

        await asyncio.gather(*(one(number) for number in numbers))

    async def burst(self, prefix: str, count: int, observer: Observer) -> float:
        """Create models at once; return the seconds from the first until all have their children."""
        started = time.monotonic()
        await self.create_many(prefix, count)
        self.sent.set()
        last = [await observer.children(f"{prefix}-{number}") for number in range(count)]
        return max(last) - started

    async def until_ready(self, patience: float = PATIENCE) -> None:
        """Every model is Ready; says from time to time how many are."""
        deadline, told = time.monotonic() + patience, time.monotonic()
        while waiting := [each for each in await self._models() if not _is_ready(each)]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(waiting)} models are not ready, one is: {waiting[0]}")
            if time.monotonic() - told > SAY_EVERY:
                say(f"  {len(waiting)} models are not ready yet")
                told = time.monotonic()
            await asyncio.sleep(min(10.0, 1.0 + len(waiting) / 100))

    async def _models(self) -> list[Object]:
        return (await self.kube.list(MODELS))[0]


def _named(resource: Resource, name: str) -> Object:
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}}


def _is_ready(model: Object) -> bool:
    conditions = model.get("status", {}).get("conditions", ())
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)
