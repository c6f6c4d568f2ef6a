"""Watches a model and its children, and yields the status document whenever it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Any

from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.read import ModelObjects, Source, read_objects, sources
from e2i.cli.plugin.session import Session
from e2i.inspection.document import Document, document
from e2i.kube import Object, Snapshot
from e2i.kube.e2i_kinds import E2I_MODELS

_GATHER = 0.1
"""Seconds to wait for further changes, so that changes that belong together give one document."""
_MODEL = "E2IModel"


class Follower:
    """The present state of a model and its children; `next` waits for another status document."""

    def __init__(self, family: ModelObjects) -> None:
        self._objects: dict[str, dict[str, Object]] = {
            source: {body["metadata"]["name"]: body for body in bodies}
            for source, bodies in family.parts.items()
        }
        self._name = family.model["metadata"]["name"]
        self._objects[_MODEL] = {self._name: family.model}
        self._notes = family.notes
        self._news = asyncio.Event()
        self._shown: Document | None = None

    @property
    def model(self) -> Object:
        """The model as last seen; CommandError if it was deleted."""
        try:
            return self._objects[_MODEL][self._name]
        except KeyError:
            raise CommandError(f"E2IModel {self._name} was deleted.") from None

    async def next(self, patience: float | None = None) -> Document | None:
        """Wait for a document that differs from the last one; None if there is none after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while (current := self._document()) == self._shown:
                    await self._news.wait()
                    await asyncio.sleep(_GATHER)
                    self._news.clear()
        except TimeoutError:
            return None
        self._shown = current
        return current

    def _document(self) -> Document:
        parts = {
            source: tuple(found[name] for name in sorted(found)) for source, found in self._objects.items()
        }
        return document(self.model, parts, self._notes)

    async def watch(self, session: Session, name: str, source: Source, fields: str = "") -> None:
        """Record the changes of one source until cancelled."""
        watched = session.kube.watch(source.resource, session.namespace, labels=source.labels, fields=fields)
        async for event in watched:
            self._take(name, event)
            self._news.set()

    def _take(self, source: str, event: Any) -> None:
        if isinstance(event, Snapshot):
            self._objects[source] = {body["metadata"]["name"]: body for body in event.objects}
        elif event.type == "DELETED":
            self._objects[source].pop(event.object["metadata"]["name"], None)
        else:
            self._objects[source][event.object["metadata"]["name"]] = event.object


@contextlib.asynccontextmanager
async def following(session: Session, name: str) -> AsyncIterator[Follower]:
    """Yield a Follower whose watches end with the block; CommandError if the model does not exist."""
    family = await read_objects(session, name)
    follower = Follower(family)
    watches = [follower.watch(session, _MODEL, Source(E2I_MODELS, ""), f"metadata.name={name}")]
    # A kind that the user may not list cannot be watched either.
    watches += [
        follower.watch(session, key, source) for key, source in sources(name).items() if key in family.parts
    ]
    tasks = [asyncio.create_task(watch) for watch in watches]
    try:
        yield follower
    finally:
        await _end(tasks)


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel the tasks, repeatedly: a cancel that comes while a connection is made can get lost."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=1)
    await asyncio.gather(*tasks, return_exceptions=True)
