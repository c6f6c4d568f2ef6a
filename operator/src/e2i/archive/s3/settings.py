"""The settings of the bucket, read from the environment by the operator and by programs that upload for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from e2i.variables import BadSetting, Variables

NO_BUCKET = "-"
"""In place of the name of a bucket: there is none. No bucket can have this name."""


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """A bucket of an S3 server; `endpoint` is empty for AWS itself."""

    name: str
    endpoint: str
    region: str
    prefix: str
    share_archives: bool
    """Whether all namespaces use the same archives."""


def read_bucket(environment: Mapping[str, str]) -> BucketSettings:
    """Read E2I_BUCKET, E2I_BUCKET_PREFIX, E2I_SHARE_ARCHIVES, AWS_ENDPOINT_URL and AWS_REGION.

    BadSetting if no bucket is named.
    """
    given = Variables(environment)
    if not given.text("E2I_BUCKET"):
        raise BadSetting("E2I_BUCKET is not set: name the bucket that bentos are exported to")
    return BucketSettings(
        name=given.text("E2I_BUCKET"),
        endpoint=given.text("AWS_ENDPOINT_URL"),
        region=given.text("AWS_REGION", "us-east-1"),
        prefix=given.text("E2I_BUCKET_PREFIX").strip("/"),
        share_archives=given.truth("E2I_SHARE_ARCHIVES"),
    )


def own_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the operator's keys for the bucket, which no message may contain."""
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
    return tuple(environment[name] for name in names if environment.get(name))
