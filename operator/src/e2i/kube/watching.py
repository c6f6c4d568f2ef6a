"""Watch a kind: yield all objects, then every change, without end."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

import aiohttp

from e2i.kube.connection import Connection
from e2i.kube.errors import ApiError
from e2i.kube.kinds import Object, Resource
from e2i.kube.listing import EXPIRED, list_objects, whole
from e2i.kube.responses import error_from_status, parse_metadata, parse_object, parse_version
from e2i.kube.versions import later

WATCH_TIMEOUT = 300
SILENCE = 150.0
"""Seconds without a byte after which a stream is begun again. The API server sends a bookmark about once a minute."""
MAX_LINE = 16 * 2**20
"""Largest event in bytes: etcd accepts objects of 1.5 MiB, and JSON may be some times larger."""
FIRST_DELAY = 0.1
LAST_DELAY = 10.0
STEADY = 5.0
"""Seconds that a stream must last to count as a success."""

logger = logging.getLogger(__name__)

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """All objects that exist now; an object that is not in it is deleted."""

    objects: tuple[Object, ...]


@dataclass(frozen=True)
class Change:
    """One object that was added, modified or deleted after the last Snapshot."""

    type: ChangeType
    object: Object


@dataclass(frozen=True)
class Listed(Generic[T]):
    """The parsed objects of a whole list; `version` is the list's resourceVersion."""

    values: tuple[T, ...]
    version: str


@dataclass(frozen=True)
class Changed(Generic[T]):
    """One parsed object that was added, modified or deleted after the last Listed."""

    type: ChangeType
    value: T


@dataclass(frozen=True)
class Failed:
    """The kind could not be listed or watched. It is tried again, with a list first."""

    error: ApiError


@dataclass(frozen=True)
class Quiet:
    """The watch is at work, and nothing has changed."""


News = Listed[T] | Changed[T] | Failed | Quiet


class Backoff:
    """Delays between attempts: doubled from 0.1 s to at most 10 s, until a stream lasts five seconds."""

    def __init__(self) -> None:
        self._delay = 0.0

    def after(self, lasted: float) -> float:
        """Return the seconds to wait after an attempt that lasted `lasted` seconds."""
        if lasted >= STEADY:
            self._delay = 0.0
        self._delay = min(LAST_DELAY, self._delay * 2 or FIRST_DELAY)
        # Jitter, so that many watchers do not reconnect at the same time; not a secret.
        return self._delay * random.uniform(0.5, 1.0)  # noqa: S311


Pause = Callable[[float], Awaitable[None]]


async def follow(
    connection: Connection,
    resource: Resource,
    namespace: str | None,
    selectors: Mapping[str, str],
    pause: Pause = asyncio.sleep,
) -> AsyncIterator[Snapshot | Change]:
    """Yield a Snapshot, then Changes, without end; a Snapshot again whenever changes may have been missed.

    A failure is never raised. It is logged, but not again as long as the same failure repeats.
    """
    logged = ""
    async for news in track(connection, resource, namespace, selectors, whole, pause=pause):
        match news:
            case Listed(values=objects):
                yield Snapshot(objects)
            case Changed(type=kind, value=body):
                yield Change(kind, body)
            case Failed(error=error) if str(error) != logged:
                logged = str(error)
                logger.info("%s cannot be watched, it is tried again: %s", resource.plural, error)


async def track(
    connection: Connection,
    resource: Resource,
    namespace: str | None,
    selectors: Mapping[str, str],
    parse: Callable[[Object], T],
    *,
    since: str = "",
    relist: float = math.inf,
    pause: Pause = asyncio.sleep,
) -> AsyncIterator[News[T]]:
    """Yield what happens to a kind, without end: Listed, then Changed, and Failed after every failure.

    Listed comes again whenever changes may have been missed, and when `relist` seconds are over. `since`: the version
    of a list that the caller has; then Changed comes first. Quiet comes every few minutes at least: a watch that
    hangs differs from one without changes.
    """
    backoff, version, listed = Backoff(), since, time.monotonic()
    limit = math.ceil(min(WATCH_TIMEOUT, relist))
    while True:
        started, at_least, heard = time.monotonic(), 0.0, False
        if started - listed > relist:
            version = ""
        try:
            if not version:
                values, version = await list_objects(connection, resource, namespace, selectors, parse)
                yield Listed(tuple(values), version)
                started = listed = time.monotonic()
            stream = _events(connection, resource.path(namespace), version, selectors, limit)
            async with aclosing(stream) as events:
                async for kind, body in events:
                    version, heard = _next_version(version, body), True
                    yield _news(kind, body, parse)
            yield Quiet()
            if not heard and time.monotonic() - started >= STEADY:
                await _check_version(connection, resource.path(namespace), version)
        except ApiError as error:
            version, at_least = "", error.retry_after or 0.0
            yield Failed(error)
        await pause(max(backoff.after(time.monotonic() - started), at_least))


def _news(kind: str, body: Object, parse: Callable[[Object], T]) -> Changed[T] | Quiet:
    return Quiet() if kind == "BOOKMARK" else Changed(cast("ChangeType", kind), parse(body))


def _next_version(before: str, body: Object) -> str:
    """Return the version of an event or a list; ApiError if it is older than `before`: etcd went back to a backup."""
    version = parse_version(body.get("metadata"))
    if later(before, version) != version:
        message = f"The API server went back from the version {before[:20]} to {version[:20]}."
        raise ApiError(EXPIRED, "Expired", message)
    return version


async def _check_version(connection: Connection, path: str, version: str) -> None:
    """Raise ApiError if the API server has not reached the version: a watch from there on is silent, without error."""
    page = await connection.request("GET", path, query={"limit": "1"})
    _next_version(version, page)


async def _events(
    connection: Connection, path: str, version: str, selectors: Mapping[str, str], limit: int
) -> AsyncGenerator[tuple[str, Object], None]:
    """Yield type and object of each event of one stream of at most `limit` seconds; every object has metadata."""
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(random.randint(-(-limit // 2), limit)),  # noqa: S311
        **selectors,
    }
    async with connection.open("GET", path, query, WATCH_TIMEOUT + 30.0) as response:
        async for line in _lines(response):
            event = parse_object(line)
            kind, body = event.get("type"), event.get("object")
            if kind == "ERROR":
                raise error_from_status(body, 0)
            if kind == "BOOKMARK" and isinstance(body, dict):
                body.setdefault("metadata", None)
            elif kind in ("ADDED", "MODIFIED", "DELETED"):
                parse_metadata(body)
            else:
                raise ApiError(
                    0, "InvalidResponse", f"The watch sent an event of the type {str(kind)[:40]!r}."
                )
            yield kind, cast("Any", body)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Split a watch stream into lines (the client's own readline() stops at 128 KiB).

    A stream that is silent for too long ends: its connection may be dead, which nothing else would show.
    """
    buffer = bytearray()
    while chunk := await _chunk(response):
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            if line := bytes(buffer[:end]).strip():
                yield line
            del buffer[: end + 1]
        if len(buffer) > MAX_LINE:
            raise ApiError(
                0, "InvalidResponse", f"The watch sent an event of more than {MAX_LINE >> 20} MiB."
            )


async def _chunk(response: aiohttp.ClientResponse) -> bytes:
    """Return the next bytes of the stream; none at its end, or if it is silent for too long."""
    try:
        async with asyncio.timeout(SILENCE):
            return await response.content.readany()
    except TimeoutError:
        return b""
