"""Fills a bucket that was lost: the archives that the bento store still has, and the records of what serves.

It looks soon after the start and then from time to time, with two listings. No pass waits for it. An archive that the
store has no bento for stays away: what serves goes on, and log and metrics say what can no longer be built again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from e2i.api import release_record
from e2i.api.artifact import ArchivePlace, Artifact
from e2i.api.problem import Problem
from e2i.archive.errors import ExportError
from e2i.archive.export_progress import Attempt, Step, Unsettled
from e2i.controller.core.archive_address import with_address
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.export_job import HUNG_AFTER, Work
from e2i.controller.edge.jobs.turns import Beat, Hung, Turns
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.work_queue import Key

FIRST_LOOK = 60.0
"""Seconds after the start: first come the models that wait."""
EVERY = 600.0
"""Seconds between two looks."""

T = TypeVar("T")

logger = logging.getLogger("e2i")


@dataclass(frozen=True)
class _Needed:
    """An archive that a BentoRequest of a model names."""

    artifact: Artifact
    namespace: str


class BucketRefill:
    """Puts back what the bucket lacks. Belongs to the event loop."""

    def __init__(
        self,
        cache: Cache,
        place: ArchivePlace,
        store: ReleaseStore,
        bring: Work,
        use: ArchiveUse,
        doubt: Callable[[Key], None],
        wake: Callable[[Key], None],
    ) -> None:
        """`doubt`: forgets what is known of a model's records."""
        self._cache = cache
        self._place = place
        self._store = store
        self._bring = bring
        self._use = use
        self._doubt = doubt
        self._wake = wake
        self._turns = Turns("refill", 1)
        self._unrecorded: dict[Key, str] = {}
        """Releases that serve and have no record."""
        self.missing = 0
        """Archives that the last look found missing, and that could not be exported again."""
        self._said: set[tuple[str, str]] = set()
        """Archives that could not be exported, and why: said once."""

    def lacks_record(self, key: Key, release: str | None) -> bool:
        """Return whether the bucket was found without a record of this release, which serves."""
        return release is not None and self._unrecorded.get(key) == release

    def forget(self, key: Key) -> None:
        """Forget a model that is gone."""
        self._unrecorded.pop(key, None)

    async def run(self) -> None:
        """Look without end."""
        await asyncio.sleep(FIRST_LOOK)
        while True:
            try:
                await self.look()
            except (ExportError, Hung) as error:
                logger.debug("whether the bucket lacks anything is not known: %s", error)
            except Exception:
                # A bug of this watch must not end the operator: what serves needs no bucket.
                logger.exception("whether the bucket lacks anything could not be found out")
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Export what is missing, and have records written. ExportError and Hung if the bucket cannot be listed."""
        # Before the listings: what comes later is in the bucket before it is here.
        needed, serving = self._needed(), self._serving()
        archives = await self._listed(self._store.list_archives)
        folders = await self._listed(self._store.list_all)
        self._unrecorded = {
            key: release
            for key, release in serving.items()
            if not _has_record(folders.get(self._store.folder(*key), ()), release)
        }
        for key in self._unrecorded:
            # Its failures are in the status, and are recorded again as well.
            self._doubt(key)
            self._wake(key)
        missing = 0
        for uri, each in needed.items():
            # Of another size: somebody else wrote or cut it. The export says so; it overwrites nothing.
            if not _is_whole(each.artifact, archives.get(uri)) and not await self._export(each):
                missing += 1
        self.missing = missing

    def _needed(self) -> dict[str, _Needed]:
        found = {}
        for model in self._cache.models():
            # An archive that somebody brought is not made of this store.
            if model.deleting or model.archive:
                continue
            for request in self._cache.of_models.requests(model):
                artifact = with_address(request, self._place, model.namespace).artifact
                if artifact and not artifact.image:
                    found[artifact.uri] = _Needed(artifact, model.namespace)
        return found

    def _serving(self) -> dict[Key, str]:
        models = (model for model in self._cache.models() if not model.deleting)
        return {model.key: release for model in models if (release := model.status.get("servingRelease"))}

    async def _export(self, needed: _Needed) -> bool:
        """Export the archive, and return whether it is in the bucket now, or not needed any more."""
        artifact = needed.artifact
        if self._use.is_gone(artifact.uri) or not self._use.is_requested(artifact.uri):
            return True  # It is being deleted, or was just now.
        await self._use.begin_export(artifact.tag)
        try:
            result = await self._attempt(needed)
        except Hung as error:
            self._say(artifact, str(error))
            return False
        finally:
            self._use.end_export(artifact.tag)
        if isinstance(result, Problem):
            self._say(artifact, result.message)
        elif isinstance(result, Artifact):
            logger.info("%s was missing in the bucket and is exported again", artifact.uri)
        return isinstance(result, Artifact)

    async def _attempt(self, needed: _Needed) -> Artifact | Problem | Unsettled:
        artifact, namespace = needed.artifact, needed.namespace
        attempt = Attempt(reference=artifact.tag, namespace=namespace, wanted=artifact.digest)

        def call(beat: Beat) -> Artifact | Problem | Unsettled:
            def progress(done: int, total: int, step: Step = "uploaded") -> None:
                beat()

            return self._bring(replace(attempt, progress=progress))

        try:
            return await self._turns.run(self._turns.queue(namespace), call, HUNG_AFTER)
        finally:
            attempt.cancel.set()

    def _say(self, artifact: Artifact, why: str) -> None:
        if (artifact.uri, why) in self._said:
            return
        self._said.add((artifact.uri, why))
        logger.warning(
            "%s is missing or damaged in the bucket and cannot be exported again: %s. What serves goes on; its image "
            "cannot be built again, and a cluster that is lost now would not find it",
            artifact.uri,
            why.rstrip("."),
        )

    async def _listed(self, call: Callable[[Beat], T]) -> T:
        return await self._turns.run(self._turns.queue(""), call, HUNG_AFTER)


def _is_whole(artifact: Artifact, size: int | None) -> bool:
    """Return whether an object of this size may be the archive; 0 bytes: the BentoRequest does not say how many."""
    return size is not None and artifact.size in (0, size)


def _has_record(keys: tuple[str, ...], release: str) -> bool:
    entries = filter(None, map(release_record.parse_key, keys))
    return any((each.release, each.result) == (release, release_record.SERVED) for each in entries)
