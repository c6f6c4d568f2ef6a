"""Upload the archive of a bento to a bucket, for operators that cannot read this store."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from e2i.api.artifact import Artifact
from e2i.archive.errors import ExportError
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
from e2i.archive.s3.bucket import Bucket
from e2i.archive.s3.bucket_archive import mark_as_brought
from e2i.deploying.environments import BucketPlace
from e2i.deploying.errors import PushFailed

Say = Callable[[str], None]


async def push(tag: str, store: Path, place: BucketPlace, namespace: str, say: Say) -> Artifact:
    """Run `send` in a thread. A cancel ends the upload and leaves no partial upload."""
    cancel = threading.Event()
    try:
        archive = await asyncio.to_thread(send, tag, store, place, namespace, cancel)
    finally:
        cancel.set()
    say(f"{tag} is {archive.uri}, {archive.size} bytes")
    return archive


def send(tag: str, store: Path, place: BucketPlace, namespace: str, cancel: threading.Event) -> Artifact:
    """Upload the archive of a bento for a namespace unless the bucket has it; PushFailed if that fails.

    Blocking; ends soon after `cancel` is set. The credentials come from the environment, as for any S3 client.
    """
    try:
        opened = Bucket(place.name, endpoint=place.endpoint, region=place.region)
    except ValueError as error:
        raise PushFailed(f"The endpoint {place.endpoint} of the bucket cannot be used: {error}.") from error
    with contextlib.closing(opened) as bucket:
        exporter = Exporter(store, bucket, place.folder(namespace))
        found = exporter(Attempt(reference=tag, cancel=cancel))
        if isinstance(found, Artifact):
            _mark(bucket, found)
    if not isinstance(found, Artifact):
        raise PushFailed(found.message, found.reason.name)
    return found


def _mark(bucket: Bucket, archive: Artifact) -> None:
    """Keep the operator from deleting an archive that it had uploaded before."""
    try:
        mark_as_brought(bucket, archive.uri)
    except ExportError as failure:
        raise PushFailed(failure.message, failure.reason) from failure
