"""Reads who has the Service of a model's name. The watch tells only of Services with the operator's label."""

from __future__ import annotations

import asyncio

from e2i.api.model import Model
from e2i.controller.core.children import Child
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.cancelling import cancel_all
from e2i.controller.edge.work_queue import Key
from e2i.kube import ApiError, Kube
from e2i.kube.e2i_kinds import SERVICES


class ServiceLook:
    """The reads of one operator. Belongs to the event loop."""

    def __init__(self, kube: Kube, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache
        self._begun: dict[Key, asyncio.Task[None]] = {}

    async def read(self, model: Model) -> None:
        """Read the Service of the model's name into the cache."""
        known = self._known(model)
        try:
            found = await self._kube.get(SERVICES, model.namespace, model.name)
        except ApiError:
            return  # Before the Service is written, it is read again.
        if found:
            self._cache.put(SERVICES.kind, found)
        elif known:
            self._cache.remove(SERVICES.kind, model.key, known.uid)

    def begin(self, model: Model) -> None:
        """Read it in the background if it is not known: the BentoRequest does not wait for it, `stranger` does."""
        if self._known(model) or model.key in self._begun:
            return
        name = f"look for the Service {model.namespace}/{model.name}"
        self._begun[model.key] = asyncio.create_task(self.read(model), name=name)

    async def stranger(self, model: Model) -> Child | None:
        """Return the Service of somebody else that the read has found; None if there is none, or nothing was begun."""
        if reading := self._begun.pop(model.key, None):
            await reading
            known = self._known(model)
            return known if known and known.owner != model.uid else None
        return None

    def forget(self, key: Key) -> None:
        """Cancel the read for a model that is gone."""
        if reading := self._begun.pop(key, None):
            reading.cancel()

    async def close(self) -> None:
        """Cancel all reads."""
        begun, self._begun = self._begun, {}
        await cancel_all(begun.values())

    def _known(self, model: Model) -> Child | None:
        return self._cache.child(SERVICES.kind, model.namespace, model.name)
