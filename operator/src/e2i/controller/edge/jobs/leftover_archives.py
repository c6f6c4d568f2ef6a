"""Deletes archives that were uploaded for models that then asked for another bento.

Only archives of this life of the operator: after a restart nothing tells such an archive from one that is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from e2i.api.artifact import Artifact
from e2i.archive.errors import ExportError
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.turns import Hung

LOOK_AFTER = 90.0
"""Seconds until an archive is looked at, and again while a model wants it: until it is requested or left over."""

Delete = Callable[[Artifact, str], Coroutine[Any, Any, None]]

logger = logging.getLogger("e2i")


class LeftoverArchives:
    """The archives that nothing in the cluster names yet; belongs to the event loop."""

    def __init__(self, use: ArchiveUse, delete: Delete) -> None:
        self._use = use
        self._delete = delete
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._deletions: set[asyncio.Task[None]] = set()

    def watch(self, artifact: Artifact, namespace: str) -> None:
        """Watch an archive that was uploaded for a model of the namespace."""
        if before := self._timers.pop(artifact.uri, None):
            before.cancel()
        loop = asyncio.get_running_loop()
        self._timers[artifact.uri] = loop.call_later(LOOK_AFTER, self._look, artifact, namespace)

    async def close(self) -> None:
        """Forget all archives and end the deletions."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._deletions:
            task.cancel()
        await asyncio.gather(*self._deletions, return_exceptions=True)

    def _look(self, artifact: Artifact, namespace: str) -> None:
        del self._timers[artifact.uri]
        if self._use.is_requested(artifact.uri):
            return
        if self._use.is_wanted(artifact.uri):
            self.watch(artifact, namespace)
            return
        task = asyncio.create_task(self._collect(artifact, namespace), name=f"deletion of {artifact.tag}")
        self._deletions.add(task)
        task.add_done_callback(self._deletions.discard)

    async def _collect(self, artifact: Artifact, namespace: str) -> None:
        logger.info("%s was uploaded and no model asks for it any more: it is deleted", artifact.uri)
        try:
            await self._delete(artifact, namespace)
        except (ExportError, Hung) as error:
            logger.warning("%s was not deleted, it is tried again: %s", artifact.uri, error)
            self.watch(artifact, namespace)
        except Exception:
            # A bug: this one archive stays.
            logger.exception("%s was not deleted", artifact.uri)
