"""The settings of the bucket, read from the environment by the operator and by programs that upload for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from e2i.variables import BadSetting, Variables

NO_BUCKET = "-"
"""In place of the name of a bucket: there is none. No bucket can have this name."""
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", re.ASCII)
_BREAKS_KEYS = re.compile(r"[\s\x00-\x1f?#%*\\]")
"""What an address s3://BUCKET/KEY does not carry as it is."""


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

    BadSetting if no bucket is named, or a value is one that no S3 server can have.
    """
    given = Variables(environment)
    return BucketSettings(
        name=_name(given),
        endpoint=given.url("AWS_ENDPOINT_URL"),
        region=_region(given),
        prefix=_prefix(given),
        share_archives=given.truth("E2I_SHARE_ARCHIVES"),
    )


def _name(given: Variables) -> str:
    name = given.text("E2I_BUCKET")
    if not name:
        raise BadSetting("E2I_BUCKET is not set: name the bucket that bentos are exported to")
    if not _BUCKET.fullmatch(name):
        raise BadSetting(
            f"E2I_BUCKET={name} is no name of a bucket: write the name alone, without s3:// and folders, for instance "
            "our-bentos; folders belong into E2I_BUCKET_PREFIX, the address of the server into AWS_ENDPOINT_URL"
        )
    return name


def _region(given: Variables) -> str:
    region = given.text("AWS_REGION", "us-east-1")
    if not _REGION.fullmatch(region):
        raise BadSetting(f"AWS_REGION={region} is no region: write for instance eu-central-1")
    return region


def _prefix(given: Variables) -> str:
    """Return the prefix without slashes at its ends. Servers read `..` in a key as the folder above, outside of it."""
    prefix = given.text("E2I_BUCKET_PREFIX").strip("/")
    if prefix and ({"", ".", ".."} & set(prefix.split("/")) or _BREAKS_KEYS.search(prefix)):
        raise BadSetting(
            f"E2I_BUCKET_PREFIX={prefix} cannot stand in front of a key: write names with / between, none of them . or "
            ".., without blanks and ? # % * \\"
        )
    return prefix


def own_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the operator's keys for the bucket, which no message may contain."""
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
    return tuple(environment[name] for name in names if environment.get(name))
