"""`Artifact`: a bento in the bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass

from e2i.api.digest import archive_key
from e2i.api.tags import parse_tag

_PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}", re.ASCII)


def is_path_prefix(text: str) -> bool:
    """Return whether the text can be `Artifact.path_prefix`: /v1 or /team/churn"""
    return _PATH_PREFIX.fullmatch(text) is not None


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A bento in the bucket."""

    tag: str
    digest: str
    """sha256:<64 hex> over its files, see `api.digest`."""
    uri: str
    size: int
    """Bytes of the archive."""
    service: str = ""
    """Name of the entry service, which Yatai records."""
    bentoml_version: str = ""
    path_prefix: str = ""
    """Path under which the service answers, health and metrics included: /v1. Empty if it answers at the root."""


@dataclass(frozen=True)
class ArchivePlace:
    """The bucket and the prefix below which the operator keeps archives."""

    bucket: str
    prefix: str = ""

    def uri(self, tag: str, digest: str) -> str:
        """Return the only address of the archive; TagRefused if the tag is not exact."""
        return f"s3://{self.bucket}/{archive_key(parse_tag(tag), digest, self.prefix)}"
