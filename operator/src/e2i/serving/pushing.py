"""Brings a bento to an environment's bucket, for operators that do not read our store."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from e2i.core.observed import Artifact, Trouble
from e2i.edge.bucket import Bucket
from e2i.edge.export import Exporter
from e2i.serving.environments import BucketPlace
from e2i.serving.faults import PushFailed

Say = Callable[[str], None]


async def push(tag: str, store: Path, place: BucketPlace, say: Say) -> str:
    """The digest of the archive, once it is in the bucket; the same content is sent once. PushFailed if it is not.

    A cancel ends the upload and leaves no part of it behind.
    """
    cancel = threading.Event()
    try:
        found = await asyncio.to_thread(_export, tag, store, place, cancel)
    finally:
        cancel.set()
    if isinstance(found, Trouble):
        raise PushFailed(found.message, found.reason.name)
    say(f"{tag} is {found.uri}, {found.size} bytes")
    return found.digest


def _export(tag: str, store: Path, place: BucketPlace, cancel: threading.Event) -> Artifact | Trouble:
    try:
        opened = Bucket(place.name, endpoint=place.endpoint, region=place.region)
    except ValueError as error:
        raise PushFailed(f"The endpoint {place.endpoint} of the bucket cannot be used: {error}.") from error
    with contextlib.closing(opened) as bucket:
        return Exporter(store, bucket, place.prefix)(tag, lambda done, total: None, cancel)
