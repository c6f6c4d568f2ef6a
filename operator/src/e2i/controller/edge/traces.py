"""Sends the traces of releases that have ended, in the background: no pass waits for them, and none fails by them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from e2i.api import conditions
from e2i.api.model import Model
from e2i.controller.core.release_spans import Span, ended
from e2i.controller.edge.work_queue import Key

Send = Callable[[Sequence[Span]], str]
"""Send spans, and return why they were not taken, or nothing. May block."""
MOST_WAITING = 1_000
"""Traces that wait to be sent; further ones push the oldest out."""
LAST_PATIENCE = 2.0
"""Seconds for the traces that wait when the operator stops."""

logger = logging.getLogger("e2i")


class Traces:
    """The traces of one operator; without `send` there are none."""

    def __init__(self, send: Send | None = None) -> None:
        self._send = send
        self._waiting: deque[Sequence[Span]] = deque(maxlen=MOST_WAITING)
        self._marks: dict[Key, dict[str, datetime]] = {}
        """By model: when Ready got each of its reasons in the release that is under way."""
        self._sender: asyncio.Task[None] | None = None

    def note(self, model: Model, status: Mapping[str, Any], now: datetime) -> None:
        """Let the spans of releases that have ended with this status be sent."""
        if self._send is None:
            return
        try:
            spans = tuple(ended(model, status, self._marks.get(model.key, {})))
            self._mark(model.key, status, now)
        except Exception:
            # A trace is a courtesy: a bug in one must not fail a pass.
            logger.exception("%s/%s: the trace of a release could not be made", *model.key)
            return
        if spans:
            self._waiting.append(spans)
            if self._sender is None or self._sender.done():
                self._sender = asyncio.create_task(self._send_all(self._send), name="traces")

    def forget(self, key: Key) -> None:
        """Forget a model that is gone."""
        self._marks.pop(key, None)

    async def close(self) -> None:
        """Send what still waits, within LAST_PATIENCE."""
        if self._sender:
            await asyncio.wait([self._sender], timeout=LAST_PATIENCE)
            self._sender.cancel()

    def _mark(self, key: Key, status: Mapping[str, Any], now: datetime) -> None:
        told = {each["type"]: each for each in status.get("conditions", ())}
        if conditions.RECONCILING not in told:
            self._marks.pop(key, None)
        elif ready := told.get(conditions.READY):
            self._marks.setdefault(key, {}).setdefault(ready["reason"], now)

    async def _send_all(self, send: Send) -> None:
        while self._waiting:
            spans = self._waiting.popleft()
            try:
                refused = await asyncio.to_thread(send, spans)
            except Exception:
                # Whatever the exporter raises: the traces after this one are sent all the same.
                logger.exception("a trace was not sent")
            else:
                if refused:
                    logger.warning("a trace was not sent: %s", refused)
