"""Checks of the operator's bucket, with small objects that are removed again."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator, Mapping

from e2i.archive.errors import BucketUnreachable, ExportError
from e2i.archive.s3.bucket import Bucket
from e2i.archive.s3.settings import NO_BUCKET, BucketSettings, read_bucket
from e2i.conformance.errors import CheckFailed, CheckSkipped
from e2i.conformance.installation import Settings
from e2i.variables import BadSetting

SIZE = 1 << 16


def bucket_check(settings: Settings | None, try_it: Callable[[Bucket, str], str]) -> str:
    """Run one of the checks below with the operator's bucket and keys; blocking, for a thread.

    CheckSkipped where this machine has no way to the bucket: addresses inside of a cluster are not known outside.
    """
    place = _place(settings)
    keys = settings.keys if settings else {}
    try:
        with _environment(keys), contextlib.closing(_opened(place)) as bucket:
            return try_it(bucket, f"{place.prefix}/" if place.prefix else "")
    except BucketUnreachable as error:
        raise CheckSkipped(f"not reachable from here: {error.message}") from error
    except ExportError as error:
        raise CheckFailed(f"{error.reason}: {error.message}") from error


def conditional_writes(bucket: Bucket, prefix: str) -> str:
    """Write one key twice with If-None-Match."""
    if not bucket.has_conditional_writes(prefix):
        raise CheckFailed("the server ignores If-None-Match: two writers may overwrite each other's archive")
    return f"{bucket.name} refuses the second write of a key (412)"


def checksums(bucket: Bucket, prefix: str) -> str:
    """Send a body with the checksum of another one."""
    if not bucket.has_checksums(prefix):
        raise CheckFailed(
            "the server stores a body that differs from its sha256: a damaged upload is not noticed"
        )
    return f"{bucket.name} refuses a body that differs from its sha256"


def objects(bucket: Bucket, prefix: str) -> str:
    """Store, read, list and delete an object."""
    key, body = f"{prefix}e2i-conformance/{uuid.uuid4().hex}", os.urandom(SIZE)
    try:
        if not bucket.put_once(key, body):
            raise CheckFailed(f"{key} is new, and the server says that it exists")
        if bucket.get(key, most=2 * SIZE) != body:
            raise CheckFailed(f"{key} is read otherwise than it was written")
        if key not in list(bucket.keys(key)):
            raise CheckFailed(f"{key} is not listed")
    finally:
        bucket.delete(key)
    if bucket.get(key, most=1) is not None:
        raise CheckFailed(f"{key} is still there after it was deleted")
    return f"{SIZE} bytes were stored, read, listed and deleted in {bucket.name}"


def _place(settings: Settings | None) -> BucketSettings:
    try:
        place = read_bucket(settings.values if settings else {})
    except BadSetting as error:
        raise CheckSkipped(f"the operator's settings name no bucket: {error}") from error
    if place.name == NO_BUCKET:
        raise CheckSkipped(
            "the operator has no bucket: only images that were built elsewhere can be released"
        )
    return place


def _opened(place: BucketSettings) -> Bucket:
    try:
        return Bucket(place.name, endpoint=place.endpoint, region=place.region)
    except ValueError as error:
        raise CheckFailed(f"the endpoint {place.endpoint} cannot be used: {error}") from error


@contextlib.contextmanager
def _environment(keys: Mapping[str, str]) -> Iterator[None]:
    """Give the S3 client the operator's keys, where the user has none in the environment."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        yield
        return
    os.environ.update(keys)
    try:
        yield
    finally:
        for name in keys:
            os.environ.pop(name, None)
