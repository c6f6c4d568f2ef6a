"""Gives the passes access to the release store: read once for each model that needs it, in threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from e2i.api import release_record
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.archive.errors import ExportError
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.work_queue import Key

KEEP_PROBLEM = 10.0
"""Seconds that a problem is kept. Less than the plan's STORE_POLL, so that the next pass tries again."""

logger = logging.getLogger("e2i")

Archive = tuple[str, str]
"""(uri, digest)"""


class ReleaseStoreCache:
    """The records that were read so far; belongs to the event loop."""

    def __init__(self, store: ReleaseStore) -> None:
        self._store = store
        self._read: dict[Key, tuple[Record, ...]] = {}
        self._problems: dict[Key, tuple[Problem, float]] = {}
        self._recorded: dict[Key, frozenset[str]] = {}

    def state(self, key: Key) -> tuple[Record, ...] | Problem | None:
        """Return the records of a model or why they could not be read, None if they were not read yet."""
        problem, kept_until = self._problems.get(key, (None, 0.0))
        if problem and asyncio.get_running_loop().time() < kept_until:
            return problem
        return self._read.get(key)

    def recorded(self, key: Key) -> frozenset[str]:
        """Return the trials of the model that are known to be recorded as failed."""
        return self._recorded.get(key, frozenset())

    def forget(self, key: Key) -> None:
        """Forget what was read for a model that is gone."""
        for known in (self._read, self._problems, self._recorded):
            known.pop(key, None)

    async def read(self, key: Key) -> None:
        """Read the records of a model; `state` returns them, or the problem."""
        try:
            found = await asyncio.to_thread(self._usable, *key)
        except ExportError as failure:
            kept_until = asyncio.get_running_loop().time() + KEEP_PROBLEM
            self._problems[key] = (problem_of(failure), kept_until)
            return
        self._problems.pop(key, None)
        self._read[key] = found
        self._note(key, found)

    async def write(self, record: Record) -> Problem | None:
        """Write a record; return the problem if that failed."""
        try:
            await asyncio.to_thread(self._store.write, record)
        except ExportError as failure:
            problem = problem_of(failure)
            message = f"the record of release {record.release} was not written: {problem.message}"
            return replace(problem, message=message)
        key = (record.namespace, record.model)
        if key in self._read:
            self._read[key] = (*self._read[key], record)
        self._note(key, [record])
        return None

    async def delete_archives(
        self, archives: Iterable[Archive], is_needed: Callable[[str], bool]
    ) -> Problem | None:
        """Delete the archives, except those that `is_needed` (by uri) or a model's last good release needs."""
        try:
            await asyncio.to_thread(self._delete_archives, archives, is_needed)
        except ExportError as failure:
            return problem_of(failure)
        finally:
            # The records that were read may name archives that are gone now.
            self._read.clear()
        return None

    async def empty(
        self, key: Key, archives: Iterable[Archive], is_needed: Callable[[str], bool]
    ) -> Problem | None:
        """Delete everything that the bucket has of a model and no other model needs; the records come last.

        So a second attempt finds the archives that the first one left by their records.
        """
        try:
            await asyncio.to_thread(self._empty, key, archives, is_needed)
        except ExportError as failure:
            problem = problem_of(failure)
            way_out = "spec.deletionPolicy Retain lets the model go and leaves the bucket as it is"
            return replace(problem, message=f"{problem.message} {way_out}")
        self.forget(key)
        return None

    def _usable(self, namespace: str, name: str) -> tuple[Record, ...]:
        """Return the records that can be used: failures, and releases with an archive that is still there."""
        found = self._store.read(namespace, name)
        there = {
            artifact: self._store.archive_exists(artifact) for artifact in {each.artifact for each in found}
        }
        return tuple(each for each in found if each.result == release_record.FAILED or there[each.artifact])

    def _delete_archives(
        self, archives: Iterable[Archive], is_needed: Callable[[str], bool], but: Key | None = None
    ) -> None:
        needed = self._store.last_good_digests(but)
        for uri, digest in archives:
            if is_needed(uri) or digest.removeprefix("sha256:")[: release_record.DIGEST_HEX] in needed:
                continue
            try:
                self._store.delete_archive(uri)
            except ValueError as error:
                logger.warning("%s", error)

    def _empty(self, key: Key, archives: Iterable[Archive], is_needed: Callable[[str], bool]) -> None:
        recorded = {(each.artifact.uri, each.artifact.digest) for each in self._store.read(*key)}
        self._delete_archives(sorted({*archives, *recorded}), is_needed, but=key)
        self._store.delete_records(*key)

    def _note(self, key: Key, found: Iterable[Record]) -> None:
        failed = frozenset(each.trial for each in found if each.result == release_record.FAILED)
        self._recorded[key] = self._recorded.get(key, frozenset()) | failed


def problem_of(failure: ExportError) -> Problem:
    """Return the failure as the problem that status, Event and log show."""
    return Problem(reason=Reason[failure.reason], message=failure.message, stalled=not failure.is_temporary)
