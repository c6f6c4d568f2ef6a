"""Delivers facts about releases to a receiver, in the background and at least once.

The receiver posts them as CloudEvents to one address, or trains a drifted model again.

What is to be posted follows from the status, so nothing is lost when the operator ends. What was posted has a mark in
the bucket. A receiver that is away holds up nobody: each model is tried again after a delay that grows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

import aiohttp

from e2i import clock
from e2i.archive.errors import ExportError
from e2i.archive.s3.bucket import Bucket
from e2i.controller.core.notifications import NOTIFIED, Notification, marks, notifications
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs.turns import Beat, Hung, Turns
from e2i.controller.edge.work_queue import Key, Queue

TIMEOUT = 10.0
"""Seconds that the receiver may take for one event."""
STORE_PATIENCE = 60.0
"""Seconds without an answer after which a request to the bucket is given up."""

T = TypeVar("T")
logger = logging.getLogger("e2i")


class NotDelivered(Exception):
    """The receiver did not take an event; the message says why."""


class Receiver(Protocol):
    """Takes facts."""

    async def post(self, notification: Notification) -> None:
        """Take one fact; NotDelivered if that was not possible."""

    async def close(self) -> None:
        """Close what it has open."""


class Address:
    """The address that events are posted to. Redirects are not followed: the token is for this address only."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Content-Type": "application/cloudevents+json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._session: aiohttp.ClientSession | None = None

    async def post(self, notification: Notification) -> None:
        """Post one event; NotDelivered unless the answer is 2xx."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT)
            )
        body = json.dumps(notification.cloud_event()).encode()
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as answer:
                if not 200 <= answer.status < 300:
                    raise NotDelivered(f"it answers {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotDelivered(f"{type(error).__name__} {error}".strip()) from error

    async def close(self) -> None:
        if self._session:
            await self._session.close()


class Marks:
    """The marks of facts that were delivered: an empty object for each in a folder of the bucket."""

    def __init__(self, bucket: Bucket, prefix: str, turns: Turns, folder: str = NOTIFIED) -> None:
        self._bucket = bucket
        self._name = folder
        self._prefix = prefix
        self._turns = turns

    async def read(self, key: Key) -> set[str]:
        """Return the ids of the model's events that have a mark. ExportError, Hung"""
        folder = self._folder(key)
        found = await self._run(key, lambda beat: list(self._bucket.keys(folder)))
        return {each.removeprefix(folder) for each in found}

    async def write(self, key: Key, event: str) -> None:
        """Mark an event as posted. ExportError, Hung"""
        await self._run(key, lambda beat: self._bucket.put_once(self._folder(key) + event, b""))

    def _folder(self, key: Key) -> str:
        return marks(*key, self._prefix, self._name)

    async def _run(self, key: Key, call: Callable[[Beat], T]) -> T:
        return await self._turns.run(self._turns.queue(key[0]), call, STORE_PATIENCE)


class Notifier:
    """The models whose facts are due. Belongs to the event loop."""

    def __init__(
        self, cache: Cache, marks: Marks, receiver: Receiver, setting: str = "E2I_NOTIFY_URL", only: str = ""
    ) -> None:
        """`setting`: the one that asks for it, for the log. `only`: the type of the facts; all if empty."""
        self.setting = setting
        self._only = only
        self._cache = cache
        self._marks = marks
        self._receiver = receiver
        self._due = Queue()
        self._posted: dict[Key, set[str]] = {}
        """Ids of the events of each model that were posted, now or in an earlier life."""
        self._problem = ""

    def add(self, key: Key) -> None:
        """Look at the model soon: its status may tell something new."""
        self._due.add(key)

    def forget(self, key: Key) -> None:
        """Forget a model that is gone."""
        self._posted.pop(key, None)

    async def run(self) -> None:
        """Post events without end."""
        for model in self._cache.models():
            self.add(model.key)
        while True:
            await self.post_next()

    async def close(self) -> None:
        """Close the connection to the receiver."""
        await self._receiver.close()

    async def post_next(self) -> None:
        """Wait for the next model and post its events; a failure is tried again later."""
        key = await self._due.get()
        try:
            await self._post_all(key)
            self._due.settled(key)
            self._note("")
        except (NotDelivered, ExportError, Hung) as error:
            self._note(str(error))
            self._due.failed(key)
        except Exception:
            # Of one model: a bug must not keep the events of the others.
            logger.exception("%s/%s: events were not posted", *key)
            self._due.failed(key)
        finally:
            self._due.done(key)

    async def _post_all(self, key: Key) -> None:
        model = self._cache.model(key)
        facts = notifications(model, clock.now()) if model else []
        facts = [fact for fact in facts if self._only in ("", fact.type)]
        if not facts:
            self._posted.pop(key, None)
            return
        if key not in self._posted:
            self._posted[key] = await self._marks.read(key)
        # Marks of older facts are not needed any more.
        posted = self._posted[key] = self._posted[key] & {fact.id for fact in facts}
        for fact in facts:
            if fact.id not in posted:
                await self._receiver.post(fact)
                # If the mark fails, only the next life of the operator posts it again.
                posted.add(fact.id)
                await self._marks.write(key, fact.id)

    def _note(self, problem: str) -> None:
        if problem and problem != self._problem:
            logger.warning("%s: events are not delivered: %s; they are tried again", self.setting, problem)
        self._problem = problem
