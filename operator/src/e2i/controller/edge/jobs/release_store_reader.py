"""Reads the release store. Many models that ask within a few seconds share one listing of all keys.

A listing is used for FRESH seconds. Only this operator writes below its prefix, so what it wrote in the meantime makes
an older listing complete.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from e2i.api import release_record
from e2i.api.release_record import Record
from e2i.controller.edge.jobs.turns import Beat, Turns
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.work_queue import Key

FEW = 3
"""Models that list only their own keys, at the same time or within FRESH seconds; more share a listing of all keys."""
FRESH = 5.0
"""Seconds."""
KEEP_WRITTEN = 120.0
"""Seconds for which written keys are remembered: longer than a listing takes and is used."""
PATIENCE = 60.0
"""Seconds without an answer after which a request to the bucket is given up."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Listing:
    keys: Mapping[str, tuple[str, ...]]
    """Keys of records by the folder of their model."""
    until: float


class ReleaseStoreReader:
    """Reads of one operator; belongs to the event loop. Its methods raise ExportError, and Hung."""

    def __init__(self, store: ReleaseStore, turns: Turns) -> None:
        self._store = store
        self._turns = turns
        self._own_listings = 0
        self._asked: deque[float] = deque(maxlen=FEW + 1)
        """When the last models asked."""
        self._listing: asyncio.Task[_Listing] | None = None
        self._written: dict[str, float] = {}

    async def read(self, key: Key) -> tuple[Record, ...]:
        """Return the records of a model: failures, and releases with an archive that is still there."""
        if self._is_asked_often():
            self._begin_listing()
        # While a listing is under way, a few go faster on their own.
        if not (self._listing and self._listing.done()) and self._own_listings < FEW:
            self._own_listings += 1
            try:
                return await self._blocking(key[0], partial(self._store.read_usable, *key))
            finally:
                self._own_listings -= 1
        listed = self._keys_of(await self._list(), self._store.folder(*key))
        if not listed:
            return ()
        return await self._blocking(key[0], partial(self._store.read_usable, *key, listed=listed))

    def has_none(self, key: Key) -> bool:
        """Return whether a listing that is fresh has no record of the model. Sends nothing."""
        task = self._listing
        if task is None or not task.done() or task.cancelled() or task.exception():
            return False
        return not self._keys_of(task.result(), self._store.folder(*key))

    async def last_good_digests(self, but: Key | None = None) -> frozenset[str]:
        """Return the first DIGEST_HEX hex digits of every artifact that some model may have to return to.

        Models that no cluster has count too: a rebuilt cluster begins with their records. `but`: a model that needs
        no archive any more.
        """
        listing = await self._list()
        left_out = self._store.folder(*but) if but else ""
        folders = {*listing.keys, *map(_folder, self._written)} - {left_out}
        return frozenset(
            entry.digest
            for folder in folders
            for entry in release_record.lasting(_entries(self._keys_of(listing, folder)))
        )

    def note_written(self, key: str) -> None:
        """Note the key of a record that this operator wrote."""
        now = asyncio.get_running_loop().time()
        self._written = {each: until for each, until in self._written.items() if until > now}
        self._written[key] = now + KEEP_WRITTEN

    def note_emptied(self, key: Key) -> None:
        """Note that the records of a model were deleted."""
        folder = self._store.folder(*key)
        self._written = {each: until for each, until in self._written.items() if _folder(each) != folder}
        self._listing = None

    def _keys_of(self, listing: _Listing, folder: str) -> frozenset[str]:
        written = (key for key in self._written if _folder(key) == folder)
        return frozenset((*listing.keys.get(folder, ()), *written))

    async def _list(self) -> _Listing:
        """Return a listing that is fresh or under way, or make one."""
        # The listing goes on if one of those that wait for it is cancelled.
        return await asyncio.shield(self._begin_listing())

    def _is_asked_often(self) -> bool:
        """Note that a model asks. Return whether more than FEW did within FRESH seconds."""
        now = asyncio.get_running_loop().time()
        self._asked.append(now)
        return len(self._asked) > FEW and now - self._asked[0] < FRESH

    def _begin_listing(self) -> asyncio.Task[_Listing]:
        """Return the listing that is fresh or under way; begin one if there is none."""
        if self._listing is None:
            self._listing = asyncio.create_task(self._list_all(), name="listing of the release store")
            self._listing.add_done_callback(self._use_for_a_while)
        return self._listing

    async def _list_all(self) -> _Listing:
        keys = await self._blocking("", self._store.list_all)
        return _Listing(keys, asyncio.get_running_loop().time() + FRESH)

    def _use_for_a_while(self, task: asyncio.Task[_Listing]) -> None:
        if task.cancelled() or task.exception():
            self._drop(task)
        else:
            asyncio.get_running_loop().call_later(FRESH, self._drop, task)

    def _drop(self, task: asyncio.Task[_Listing]) -> None:
        if self._listing is task:
            self._listing = None

    async def _blocking(self, namespace: str, call: Callable[[Beat], T]) -> T:
        return await self._turns.run(self._turns.queue(namespace), call, PATIENCE)


def _folder(key: str) -> str:
    return key.rpartition("/")[0] + "/"


def _entries(keys: Iterable[str]) -> list[release_record.Entry]:
    return [entry for key in keys if (entry := release_record.parse_key(key))]
