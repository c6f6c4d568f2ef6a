"""Reads all kinds before the first pass: with thousands of models that is most of a restart."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator, Sequence

from e2i.controller.edge.informer import Informer
from e2i.controller.edge.seen import Seen
from e2i.kube import Listed

AT_ONCE = 2
"""Kinds that are read at the same time: while one is parsed, the API server prepares the other."""


async def list_all(informers: Sequence[Informer]) -> None:
    """Bring the cache up to date by a full list of each kind, in their order; ApiError if one cannot be read."""
    with _without_collections():
        for informer, listed in zip(informers, await _read_all(informers), strict=True):
            informer.take_list(listed)


async def _read_all(informers: Sequence[Informer]) -> list[Listed[Seen | None] | None]:
    free = asyncio.Semaphore(AT_ONCE)

    async def read(informer: Informer) -> Listed[Seen | None] | None:
        async with free:
            return await informer.read()

    try:
        async with asyncio.TaskGroup() as group:
            lists = [group.create_task(read(informer)) for informer in informers]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [each.result() for each in lists]


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Collect no garbage inside of the block: to search for it in ever more lists would take as long as to parse them.

    JSON and the values that are made of it have no circles, so they need no collection.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
