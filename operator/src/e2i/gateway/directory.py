"""The models that the gateway knows now, with what they take. It follows them as they come, change and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from e2i.gateway.core.interface import Interface
from e2i.gateway.core.models import Model
from e2i.gateway.core.routing import Key, RoutingTable
from e2i.gateway.edge.interfaces import NoInterface, note

Read = Callable[[Model], Awaitable[Interface | None]]
FIRST_DELAY = 0.2
LAST_DELAY = 30.0
"""Seconds between attempts to read what a model takes."""
FRESH = 1.0
"""Seconds for which an interface is not read again for the sake of a body that it refuses."""


class Observer(Protocol):
    """Hears of every change in the directory."""

    def put(self, model: Model, interface: Interface | None) -> None:
        """The model is new, or changed, or what it takes is known now."""
        ...

    def drop(self, model: Model) -> None:
        """The model is gone."""
        ...


class Directory:
    """`table` is always whole: a request sees one state of the models, however long it takes."""

    def __init__(
        self,
        read: Read,
        observers: Iterable[Observer] = (),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.table = RoutingTable((), {})
        self.is_known = False
        """Whether the models were ever listed."""
        self._read = read
        self._observers = tuple(observers)
        self._seconds = seconds
        self._models: dict[Key, Model] = {}
        self._interfaces: dict[Key, Interface] = {}
        self._read_at: dict[Key, float] = {}
        self._reading: dict[Key, asyncio.Task[None]] = {}
        self._locks: dict[Key, asyncio.Lock] = {}

    def replace(self, models: Iterable[Model], namespace: str | None = None) -> None:
        """Take a whole list, or that of a namespace: what is not in it is gone."""
        new = {model.key: model for model in models}
        for key in [key for key in self._models if key not in new and namespace in (None, key[0])]:
            self.remove(key)
        for model in new.values():
            self.put(model)
        self.is_known = True
        self._rebuild()

    def put(self, model: Model) -> None:
        """Take a model that is new or changed."""
        before = self._models.get(model.key)
        if before == model:
            return
        self._models[model.key] = model
        if before is None or before.version != model.version:
            # What another release takes is not known: until it is, the model alone judges.
            self._interfaces.pop(model.key, None)
            self._start_reading(model)
        self._tell(model)
        self._rebuild()

    def remove(self, key: Key) -> None:
        """Forget a model."""
        before = self._models.pop(key, None)
        self._interfaces.pop(key, None)
        self._read_at.pop(key, None)
        self._locks.pop(key, None)
        if task := self._reading.pop(key, None):
            task.cancel()
        self._rebuild()
        if before is not None:
            self._tell_gone(before)

    async def renewed(self, model: Model) -> bool:
        """Read the interface again, unless that was within the last second; return whether it may be another now.

        A request must never be refused by what an earlier release took.
        """
        if self._is_fresh(model):
            return False
        lock = self._locks.setdefault(model.key, asyncio.Lock())
        async with lock:
            if self._is_fresh(model):
                return True
            try:
                await self._read_once(model)
            except NoInterface:
                self._interfaces.pop(model.key, None)
                self._rebuild()
            return True

    async def settled(self) -> None:
        """Wait until what is being read now has been read."""
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_fresh(self, model: Model) -> bool:
        read_at = self._read_at.get(model.key)
        return read_at is not None and self._seconds() - read_at < FRESH

    def _start_reading(self, model: Model) -> None:
        if task := self._reading.pop(model.key, None):
            task.cancel()
        # While two releases share the address, what one of them takes says nothing about the other.
        if model.url and not model.several:
            self._reading[model.key] = asyncio.create_task(self._keep_reading(model))

    async def _keep_reading(self, model: Model) -> None:
        delay = FIRST_DELAY
        while True:
            try:
                await self._read_once(model)
                return
            except NoInterface as error:
                if delay == FIRST_DELAY:
                    note(model, error)
            await asyncio.sleep(delay)
            delay = min(LAST_DELAY, delay * 2)

    async def _read_once(self, model: Model) -> None:
        interface = await self._read(model)
        if self._models.get(model.key) is None or self._models[model.key].version != model.version:
            return
        self._read_at[model.key] = self._seconds()
        if interface is None:
            self._interfaces.pop(model.key, None)
        else:
            self._interfaces[model.key] = interface
        self._tell(self._models[model.key])
        self._rebuild()

    def _tell(self, model: Model) -> None:
        for observer in self._observers:
            observer.put(model, self._interfaces.get(model.key))

    def _tell_gone(self, model: Model) -> None:
        for observer in self._observers:
            observer.drop(model)

    def _rebuild(self) -> None:
        self.table = RoutingTable(self._models.values(), self._interfaces)
