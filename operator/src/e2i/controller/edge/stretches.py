"""Keeps since when something has held for a model without interruption. In memory: after a restart it begins again."""

from __future__ import annotations

from datetime import datetime

from e2i.controller.edge.work_queue import Key


class Stretches:
    """For each model and topic, the thing that holds now and the time since when."""

    def __init__(self) -> None:
        self._known: dict[Key, dict[str, tuple[str, datetime]]] = {}

    def since(self, key: Key, topic: str, what: str | None, now: datetime) -> datetime | None:
        """Note what holds now. Return since when it has held; None if nothing holds (None)."""
        topics = self._known.setdefault(key, {})
        if what is None:
            topics.pop(topic, None)
            if not topics:
                del self._known[key]
            return None
        known, begun = topics.get(topic, ("", now))
        topics[topic] = (what, begun if known == what else now)
        return topics[topic][1]

    def forget(self, key: Key) -> None:
        """Forget a model that is gone, or that waits for nothing."""
        self._known.pop(key, None)
