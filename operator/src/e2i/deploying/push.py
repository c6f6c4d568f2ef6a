"""Upload a bento's archive to a bucket, for operators that do not read this store."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from e2i.api.artifact import Artifact
from e2i.archive.export import Exporter
from e2i.archive.s3.bucket import Bucket
from e2i.deploying.environments import BucketPlace
from e2i.deploying.errors import PushFailed

Say = Callable[[str], None]


async def push(tag: str, store: Path, place: BucketPlace, say: Say) -> Artifact:
    """`send`, in a thread; a cancel ends the upload and leaves no part of it behind."""
    cancel = threading.Event()
    try:
        archive = await asyncio.to_thread(send, tag, store, place, cancel)
    finally:
        cancel.set()
    say(f"{tag} is {archive.uri}, {archive.size} bytes")
    return archive


def send(tag: str, store: Path, place: BucketPlace, cancel: threading.Event) -> Artifact:
    """The bento's archive, once it is in the bucket; the same content is sent once. PushFailed if it is not.

    Blocking; ends soon after `cancel` is set. Credentials are those that every S3 client finds.
    """
    try:
        opened = Bucket(place.name, endpoint=place.endpoint, region=place.region)
    except ValueError as error:
        raise PushFailed(f"The endpoint {place.endpoint} of the bucket cannot be used: {error}.") from error
    with contextlib.closing(opened) as bucket:
        found = Exporter(store, bucket, place.prefix)(tag, lambda *_: None, cancel)
    if not isinstance(found, Artifact):
        raise PushFailed(found.message, found.reason.name)
    return found
