"""Knows which archives are in use or about to be used, so that a use and a deletion exclude each other.

All of it happens on the event loop, between two awaits: whoever looks and then acts at once cannot be overtaken. A
deletion begins only if nobody needs the archive, and no export of its tag and no request for it begins until it ended.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from e2i.controller.core.children import BentoRequest
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.work_queue import Key
from e2i.kube.e2i_kinds import BENTO_REQUESTS

KEEP = 60.0
"""Seconds that a claim or a deletion is remembered; a pass that saw the archive ends long before."""
LONGEST_DELETION = 120.0
"""Seconds that an export waits for a deletion. Longer than a request to the S3 server can take."""


class ArchiveUse:
    """The uses and deletions of the archives of one operator; belongs to the event loop."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._exports: Counter[str] = Counter()
        """Exports under way, by tag."""
        self._claims: dict[str, dict[Key, float]] = {}
        """By archive (uri): models that are about to request an image of it, and until when."""
        self._deleting: dict[str, asyncio.Future[None]] = {}
        self._deleted: dict[str, float] = {}
        """By archive: until when its deletion is remembered."""
        self._next_purge = 0.0

    async def begin_export(self, tag: str) -> None:
        """Note an export of the tag, after the deletions of its archives have ended."""
        while pending := [ended for uri, ended in self._deleting.items() if is_of_tag(uri, tag)]:
            done, _ = await asyncio.wait(pending, timeout=LONGEST_DELETION)
            if not done:
                break
        self._exports[tag] += 1

    def end_export(self, tag: str) -> None:
        """Note that an export of the tag has ended."""
        self._exports[tag] -= 1
        if not self._exports[tag]:
            del self._exports[tag]

    def confirm(self, uri: str) -> None:
        """Note that the archive is in the bucket now."""
        self._deleted.pop(uri, None)

    def claim(self, uri: str, key: Key) -> bool:
        """Reserve the archive for the model for a while; return False if it is gone."""
        if self.is_gone(uri):
            return False
        self._purge()
        self._claims.setdefault(uri, {})[key] = asyncio.get_running_loop().time() + KEEP
        return True

    def is_gone(self, uri: str) -> bool:
        """Return whether the archive is being deleted, or was deleted a moment ago and not seen since."""
        return uri in self._deleting or _holds(self._deleted.get(uri))

    def is_requested(self, uri: str, but_owner: str = "") -> bool:
        """Return whether a BentoRequest of another owner than `but_owner` names the archive."""
        return any(
            isinstance(child, BentoRequest) and child.artifact is not None and child.artifact.uri == uri
            for child in self._cache.children(BENTO_REQUESTS.kind)
            if not but_owner or child.owner != but_owner
        )

    def is_wanted(self, uri: str, but: Key | None = None) -> bool:
        """Return whether a model wants the archive by its spec, or is about to request an image of it.

        `but`: a model whose claims do not count.
        """
        if any(key != but and _holds(until) for key, until in self._claims.get(uri, {}).items()):
            return True
        if any(is_of_tag(uri, tag) for tag in self._exports):
            return True
        wanting = (
            model for model in self._cache.models() if not model.deleting and is_of_tag(uri, model.tag)
        )
        return any(not model.archive or _file(model.archive) in uri for model in wanting)

    def begin_deletion(self, uri: str, key: Key | None, owner: str) -> bool:
        """Note that the archive is about to be deleted for a model; return False if it is needed."""
        if uri in self._deleting or self.is_requested(uri, owner) or self.is_wanted(uri, but=key):
            return False
        self._deleting[uri] = asyncio.get_running_loop().create_future()
        return True

    def end_deletion(self, uri: str) -> None:
        """Note that the deletion has ended. The archive counts as gone until it is seen again."""
        self._deleted[uri] = asyncio.get_running_loop().time() + KEEP
        if ended := self._deleting.pop(uri, None):
            ended.set_result(None)

    def _purge(self) -> None:
        """Forget what holds no longer. Once in a while only: each of many models claims the same archive."""
        now = asyncio.get_running_loop().time()
        if now < self._next_purge:
            return
        self._next_purge = now + KEEP
        self._deleted = {uri: until for uri, until in self._deleted.items() if _holds(until)}
        left = {
            uri: {key: until for key, until in claims.items() if _holds(until)}
            for uri, claims in self._claims.items()
        }
        self._claims = {uri: claims for uri, claims in left.items() if claims}


def _holds(until: float | None) -> bool:
    return until is not None and asyncio.get_running_loop().time() < until


def is_of_tag(uri: str, tag: str) -> bool:
    """Return whether the archive has the tag: s3://e2i/bentos/churn/1.0.0/9f….tar, churn:1.0.0 -> True"""
    name, _, version = tag.partition(":")
    return f"/bentos/{name}/{version}/" in uri


def _file(digest: str) -> str:
    return f"/{digest.removeprefix('sha256:')}."
