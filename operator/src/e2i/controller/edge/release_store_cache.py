"""The ledger as the passes use it: read once for each model that needs it, written in threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from e2i.api import release_record
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.archive.errors import ExportFailure
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.work_queue import Key

KEEP_PROBLEM = 10.0
"""Seconds. Less than the plan's STORE_POLL, so that the next look tries again."""

logger = logging.getLogger("e2i")

Archive = tuple[str, str]
"""(uri, digest)"""


class ReleaseStoreCache:
    """What is known of the bucket's ledger; belongs to the event loop."""

    def __init__(self, ledger: ReleaseStore) -> None:
        self._ledger = ledger
        self._read: dict[Key, tuple[Record, ...]] = {}
        self._troubles: dict[Key, tuple[Problem, float]] = {}
        self._recorded: dict[Key, frozenset[str]] = {}

    def state(self, key: Key) -> tuple[Record, ...] | Problem | None:
        trouble, kept_until = self._troubles.get(key, (None, 0.0))
        if trouble and asyncio.get_running_loop().time() < kept_until:
            return trouble
        return self._read.get(key)

    def recorded(self, key: Key) -> frozenset[str]:
        """Trials whose failure is known to stand there."""
        return self._recorded.get(key, frozenset())

    def forget(self, key: Key) -> None:
        for known in (self._read, self._troubles, self._recorded):
            known.pop(key, None)

    async def read(self, key: Key) -> None:
        """Learn what there is; a trouble is a state like another."""
        try:
            found = await asyncio.to_thread(self._usable, *key)
        except ExportFailure as failure:
            kept_until = asyncio.get_running_loop().time() + KEEP_PROBLEM
            self._troubles[key] = (problem_of(failure), kept_until)
            return
        self._troubles.pop(key, None)
        self._read[key] = found
        self._note(key, found)

    async def write(self, record: Record) -> Problem | None:
        try:
            await asyncio.to_thread(self._ledger.write, record)
        except ExportFailure as failure:
            trouble = problem_of(failure)
            message = f"the record of release {record.release} was not written: {trouble.message}"
            return Problem(reason=trouble.reason, message=message, stalled=trouble.stalled)
        key = (record.namespace, record.model)
        if key in self._read:
            self._read[key] = (*self._read[key], record)
        self._note(key, [record])
        return None

    async def delete_archives(
        self, archives: Iterable[Archive], is_needed: Callable[[str], bool]
    ) -> Problem | None:
        """Remove what neither `is_needed` (by uri) nor any model's last good release asks to keep."""
        try:
            await asyncio.to_thread(self._delete_archives, archives, is_needed)
        except ExportFailure as failure:
            return problem_of(failure)
        finally:
            # Records that were read tell of archives that may be gone.
            self._read.clear()
        return None

    async def empty(
        self, key: Key, archives: Iterable[Archive], is_needed: Callable[[str], bool]
    ) -> Problem | None:
        """Remove all that the bucket has of a model and nobody else needs; its records at last.

        As long as a record is there, a second attempt finds the archives that the first one left.
        """
        try:
            await asyncio.to_thread(self._empty, key, archives, is_needed)
        except ExportFailure as failure:
            trouble = problem_of(failure)
            way_out = "spec.deletionPolicy Retain lets the model go and leaves the bucket as it is"
            return Problem(
                reason=trouble.reason, message=f"{trouble.message} {way_out}", stalled=trouble.stalled
            )
        self.forget(key)
        return None

    def _usable(self, namespace: str, name: str) -> tuple[Record, ...]:
        """Records whose archives are still there, and failures, which need none."""
        found = self._ledger.read(namespace, name)
        there = {
            artifact: self._ledger.archive_exists(artifact) for artifact in {each.artifact for each in found}
        }
        return tuple(each for each in found if each.result == release_record.FAILED or there[each.artifact])

    def _delete_archives(
        self, archives: Iterable[Archive], is_needed: Callable[[str], bool], but: Key | None = None
    ) -> None:
        needed = self._ledger.last_good_digests(but)
        for uri, digest in archives:
            if is_needed(uri) or digest.removeprefix("sha256:")[: release_record.DIGEST_HEX] in needed:
                continue
            try:
                self._ledger.delete_archive(uri)
            except ValueError as error:
                logger.warning("%s", error)

    def _empty(self, key: Key, archives: Iterable[Archive], is_needed: Callable[[str], bool]) -> None:
        recorded = {(each.artifact.uri, each.artifact.digest) for each in self._ledger.read(*key)}
        self._delete_archives(sorted({*archives, *recorded}), is_needed, but=key)
        self._ledger.delete_records(*key)

    def _note(self, key: Key, found: Iterable[Record]) -> None:
        failed = frozenset(each.trial for each in found if each.result == release_record.FAILED)
        self._recorded[key] = self._recorded.get(key, frozenset()) | failed


def problem_of(failure: ExportFailure) -> Problem:
    """The bucket's failure in the words that status, event and log share."""
    return Problem(reason=Reason[failure.reason], message=failure.message, stalled=not failure.passing)
