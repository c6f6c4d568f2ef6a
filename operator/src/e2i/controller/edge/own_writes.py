"""Keeps the watch's report of the operator's own write from starting a pass.

A watch often reports a write before its answer has arrived. What it reports of the object waits for the answer. Then
the cache has the written version: it ignores the report of it, and takes what anybody wrote later as news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from e2i.controller.edge.work_queue import Key

Take = Callable[[], None]
"""Takes one report into the cache and wakes the model that it concerns."""


class OwnWrites:
    """The objects that are being written, with the reports of them that wait. Belongs to the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, Key], list[Take]] = {}

    @contextmanager
    def writing(self, kind: str, key: Key) -> Iterator[None]:
        """Let reports of the object wait for the end of the block, in which it is written.

        Only for an object that concerns no other model than the one whose pass writes it: nobody else would act on the
        reports before this pass ends.
        """
        self._waiting[kind, key] = []
        try:
            yield
        finally:
            for take in self._waiting.pop((kind, key)):
                take()

    def take(self, kind: str, key: Key, take: Take) -> None:
        """Take a report of the object: now, or after the write that is under way."""
        waiting = self._waiting.get((kind, key))
        if waiting is None:
            take()
        else:
            waiting.append(take)

    def forget(self, kind: str, namespace: str | None) -> None:
        """Forget the reports of a kind that wait: a list that was read after them says all that they say.

        `namespace`: the only one that was listed; None for the whole cluster.
        """
        for (of, key), waiting in self._waiting.items():
            if of == kind and namespace in (None, key[0]):
                waiting.clear()
