"""Following a kind: what exists, then every change, for ever."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from e2i.kube.connection import Connection
from e2i.kube.errors import ApiError
from e2i.kube.kinds import Object

WATCH_TIMEOUT = 300


@dataclass(frozen=True)
class Snapshot:
    """Everything that exists now; what is not in it is gone."""

    objects: tuple[Object, ...]


@dataclass(frozen=True)
class Change:
    """One object came, changed or went after the last Snapshot."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


async def changes(
    connection: Connection, path: str, version: str, selectors: Mapping[str, str]
) -> AsyncIterator[Change]:
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(random.randint(WATCH_TIMEOUT // 2, WATCH_TIMEOUT)),  # noqa: S311
        **selectors,
    }
    response = await connection.open("GET", path, None, query, "application/json", WATCH_TIMEOUT + 30.0)
    with contextlib.closing(response):
        async for line in _lines(response):
            event = json.loads(line)
            if event["type"] == "ERROR":
                status = event["object"]
                raise ApiError(status.get("code", 0), status.get("reason", ""), status.get("message", ""))
            if event["type"] == "BOOKMARK":
                # Only its version is news: the kind is dropped so that watch() does not yield it.
                event["object"].pop("kind", None)
                event["type"] = "MODIFIED"
            yield Change(event["type"], event["object"])


async def _lines(response: Any) -> AsyncIterator[bytes]:
    """Split a watch stream into lines of any length (the client's own readline() stops at 128 KiB)."""
    buffer = bytearray()
    async for chunk in response.content.iter_any():
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
