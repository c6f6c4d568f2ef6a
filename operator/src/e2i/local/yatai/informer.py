"""Watch one kind and report every change with the old and the new object.

Yatai's controllers react only to some changes (to a new generation, but not to a new label), so they must compare the
old and the new object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from e2i.kube import Change, Kube, Object, Resource, Snapshot
from e2i.local.yatai.yatai_kinds import Key, key_of

Listener = Callable[[Object | None, Object | None], None]
"""Called with the object before (None: it is new) and now (None: it is gone)."""


class Informer:
    """Keeps the last known objects of one kind in `objects`."""

    def __init__(self, kube: Kube, resource: Resource, listener: Listener) -> None:
        self.objects: dict[Key, Object] = {}
        self._kube = kube
        self._resource = resource
        self._listener = listener

    async def run(self) -> None:
        """Watch the kind for ever; after an interruption a list gives the missed changes."""
        async for news in self._kube.watch(self._resource):
            for before, now in self._changes(news):
                self._listener(before, now)

    def _changes(self, news: Snapshot | Change) -> Iterator[tuple[Object | None, Object | None]]:
        if isinstance(news, Change):
            key = key_of(news.object)
            before = self.objects.pop(key, None)
            if news.type == "DELETED":
                yield before or news.object, None
            else:
                self.objects[key] = news.object
                yield before, news.object
            return
        old, self.objects = self.objects, {key_of(item): item for item in news.objects}
        for key in old.keys() - self.objects.keys():
            yield old[key], None
        for key, item in self.objects.items():
            before = old.get(key)
            if before is None or _version(before) != _version(item):
                yield before, item


def _version(item: Object) -> str:
    version: str = item["metadata"]["resourceVersion"]
    return version


def has_new_generation(before: Object | None, now: Object | None) -> bool:
    """Return whether the object was created or deleted, or its spec changed."""
    if before is None or now is None:
        return True
    return bool(before["metadata"].get("generation") != now["metadata"].get("generation"))
