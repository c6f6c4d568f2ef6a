"""Reads and writes the release store in the background, and deletes archives that nobody needs.

A pass starts a job or fetches its end; it never waits for a bucket that does not answer promptly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from e2i.api import release_record
from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.archive.errors import ExportError
from e2i.controller.core.actions import Pending
from e2i.controller.core.health import Sign
from e2i.controller.core.records_state import RecordsState
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.model_jobs import ModelJobs
from e2i.controller.edge.jobs.release_store_reader import PATIENCE, ReleaseStoreReader
from e2i.controller.edge.jobs.turns import Beat, Hung, Turns
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.work_queue import Key

KEEP_PROBLEM = 10.0
"""Seconds that a problem is kept. Less than the plan's STORE_POLL, so that the next pass tries again."""
WRITERS = 2
"""Records written at the same time. They have threads of their own: a release waits for them."""
_READ = "read"

T = TypeVar("T")
Archive = tuple[str, str]
"""(uri, digest)"""


class ReleaseStoreJobs:
    """The jobs of one operator on its bucket, and what they read; belongs to the event loop."""

    def __init__(
        self,
        store: ReleaseStore,
        wake: Callable[[Key], None],
        use: ArchiveUse,
        turns: Turns,
    ) -> None:
        self._store = store
        self._use = use
        self._turns = turns
        self._writing = Turns("record", WRITERS)
        self._jobs = ModelJobs(wake)
        self._reader = ReleaseStoreReader(store, turns)
        self._read: dict[Key, tuple[Record, ...]] = {}
        self._problems: dict[Key, tuple[Problem, float]] = {}
        self._recorded: dict[Key, frozenset[tuple[str, str]]] = {}

    def signs(self) -> Iterator[Sign]:
        """Return what `Turns.signs` has to say of the bucket and of records."""
        yield from self._turns.signs()
        yield from self._writing.signs()

    def state(self, key: Key) -> tuple[Record, ...] | RecordsState | Problem | None:
        """Return the records of a model, RUNNING, or why they could not be read; None if they were not read yet."""
        problem, kept_until = self._problems.get(key, (None, 0.0))
        if problem and asyncio.get_running_loop().time() < kept_until:
            return problem
        if self._jobs.is_running(key, _READ):
            return RecordsState.RUNNING
        if key not in self._read and self._reader.has_none(key):
            self._read[key] = ()
        return self._read.get(key)

    def recorded(self, key: Key, result: str) -> frozenset[str]:
        """Return the trials of the model that are known to be recorded with this result."""
        return frozenset(trial for of, trial in self._recorded.get(key, ()) if of == result)

    def forget(self, key: Key) -> None:
        """Cancel the job of a model that is gone, and forget what was read for it."""
        self.cancel(key)
        for known in (self._read, self._problems, self._recorded):
            known.pop(key, None)

    def doubt(self, key: Key) -> None:
        """Forget what is known to be in the bucket of a model: it was found without it."""
        self._read.pop(key, None)
        self._recorded.pop(key, None)

    def cancel(self, key: Key) -> None:
        """Cancel the job of the model: what it had not begun to delete stays."""
        self._jobs.cancel(key)

    async def close(self) -> None:
        """Cancel all jobs."""
        await self._jobs.close()

    async def read(self, key: Key) -> Pending | None:
        """Read the records of a model; `state` returns them, or the problem."""
        ended = await self._jobs.run(key, _READ, partial(self._read_one, key))
        return ended if isinstance(ended, Pending) else None

    async def write(self, record: Record) -> Problem | Pending | None:
        """Write a record; return the problem if that failed."""
        key = (record.namespace, record.model)
        deed = ("write", record.release, record.trial, record.result, record.started_at)
        return await self._jobs.run(key, deed, partial(self._write, key, record))

    async def delete_archives(self, model: Model, archives: Iterable[Archive]) -> Problem | Pending | None:
        """Delete those of the archives that were uploaded for the model's namespace and that nobody needs."""
        chosen = tuple(archives)
        return await self._jobs.run(model.key, ("delete", chosen), partial(self._delete, model, chosen))

    async def empty(self, model: Model, archives: Iterable[Archive]) -> Problem | Pending | None:
        """Delete everything that the bucket has of a model and nobody else needs; the records come last.

        So a second attempt finds the archives that the first one left by their records.
        """
        chosen = tuple(archives)
        return await self._jobs.run(model.key, ("empty", chosen), partial(self._empty, model, chosen))

    async def delete_leftover(self, artifact: Artifact, namespace: str) -> None:
        """Delete an archive that no model asked for after all. ExportError, Hung"""
        await self._delete_one((artifact.uri, artifact.digest), namespace, None, "", None)

    async def _read_one(self, key: Key) -> None:
        try:
            found = await self._reader.read(key)
        except (ExportError, Hung) as error:
            self._problems[key] = (problem_of(error), asyncio.get_running_loop().time() + KEEP_PROBLEM)
            return
        self._problems.pop(key, None)
        self._read[key] = found
        self._note(key, found)
        for record in found:
            if record.result == release_record.SERVED:
                self._use.confirm(record.artifact.uri)

    async def _write(self, key: Key, record: Record) -> Problem | None:
        ticket = self._writing.queue(record.namespace)
        try:
            written = await self._writing.run(ticket, lambda beat: self._store.write(record), PATIENCE)
        except (ExportError, Hung) as error:
            problem = problem_of(error)
            message = f"the record of release {record.release} was not written: {problem.message}"
            return replace(problem, message=message)
        self._reader.note_written(written)
        if key in self._read:
            self._read[key] = (*self._read[key], record)
        self._note(key, [record])
        return None

    async def _delete(self, model: Model, archives: Iterable[Archive]) -> Problem | None:
        try:
            for archive in archives:
                await self._delete_one(archive, model.namespace, model.key, model.uid, None)
        except (ExportError, Hung) as error:
            return problem_of(error)
        return None

    async def _delete_one(
        self, archive: Archive, namespace: str, key: Key | None, owner: str, but: Key | None
    ) -> None:
        """Delete an archive for a model (`key` and its uid `owner`), unless somebody needs it at this moment."""
        uri, digest = archive
        needed = await self._reader.last_good_digests(but)
        if digest.removeprefix("sha256:")[: release_record.DIGEST_HEX] in needed:
            return
        if not self._use.begin_deletion(uri, key, owner):
            return
        loop = asyncio.get_running_loop()

        def delete(beat: Beat) -> None:
            try:
                self._store.delete_archive(uri, namespace)
            finally:
                # Also if it was given up: until then the request may still be on its way.
                loop.call_soon_threadsafe(self._end_deletion, uri)

        ticket = self._turns.queue(namespace)
        try:
            await self._turns.run(ticket, delete, PATIENCE)
        finally:
            if not ticket.has_begun:
                self._end_deletion(uri)

    def _end_deletion(self, uri: str) -> None:
        self._use.end_deletion(uri)
        # Records that were read may name it.
        for key, records in list(self._read.items()):
            if any(record.artifact.uri == uri for record in records):
                del self._read[key]

    async def _empty(self, model: Model, archives: Iterable[Archive]) -> Problem | None:
        key = model.key
        try:
            read = await self._blocking(key, lambda beat: self._store.read(*key, beat))
            artifacts = [each.artifact for each in read if not each.artifact.image]
            recorded = {(each.uri, each.digest) for each in artifacts}
            for archive in sorted({*archives, *recorded}):
                await self._delete_one(archive, key[0], key, model.uid, key)
            await self._blocking(key, lambda beat: self._store.delete_records(*key, beat))
        except (ExportError, Hung) as error:
            problem = problem_of(error)
            way_out = "spec.deletionPolicy Retain lets the model go and leaves the bucket as it is"
            return replace(problem, message=f"{problem.message} {way_out}")
        self._reader.note_emptied(key)
        for known in (self._read, self._problems, self._recorded):
            known.pop(key, None)
        return None

    async def _blocking(self, key: Key, call: Callable[[Beat], T]) -> T:
        return await self._turns.run(self._turns.queue(key[0]), call, PATIENCE)

    def _note(self, key: Key, found: Iterable[Record]) -> None:
        results = frozenset((each.result, each.trial) for each in found)
        self._recorded[key] = self._recorded.get(key, frozenset()) | results


def problem_of(error: ExportError | Hung) -> Problem:
    """Return the error as the problem that status, Event and log show."""
    if isinstance(error, Hung):
        message = f"There is no answer from the bucket ({error}); check AWS_ENDPOINT_URL and the network."
        return Problem(reason=Reason.BucketUnreachable, message=message)
    return Problem(reason=Reason[error.reason], message=error.message, stalled=not error.is_temporary)
