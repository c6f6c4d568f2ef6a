"""The settings of the bucket, read from the environment by the operator and by programs that upload for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NO_BUCKET = "-"
"""In place of the name of a bucket: there is none. No bucket can have this name."""


class BadSetting(Exception):
    """A variable of the environment cannot be used; the message names it and says what to write."""


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
    if not environment.get("E2I_BUCKET"):
        raise BadSetting("E2I_BUCKET is not set: name the bucket that bentos are exported to")
    return BucketSettings(
        name=environment["E2I_BUCKET"],
        endpoint=environment.get("AWS_ENDPOINT_URL", ""),
        region=environment.get("AWS_REGION") or "us-east-1",
        prefix=environment.get("E2I_BUCKET_PREFIX", "").strip("/"),
        share_archives=read_truth(environment, "E2I_SHARE_ARCHIVES"),
    )


def read_truth(environment: Mapping[str, str], name: str) -> bool:
    """Return whether the variable is true; false without it."""
    text = environment.get(name) or "false"
    if text not in ("true", "false"):
        raise BadSetting(f"{name}={text} is neither true nor false; without it false is used")
    return text == "true"


def own_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the operator's keys for the bucket, which no message may contain."""
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
    return tuple(environment[name] for name in names if environment.get(name))
