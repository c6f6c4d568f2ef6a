"""`Artifact`: a bento in the bucket."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api.digest import archive_key
from e2i.api.tags import parse_tag


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


@dataclass(frozen=True)
class ArchivePlace:
    """The bucket and the prefix below which the operator keeps archives."""

    bucket: str
    prefix: str = ""

    def uri(self, tag: str, digest: str) -> str:
        """Return the only address of the archive; TagRefused if the tag is not exact."""
        return f"s3://{self.bucket}/{archive_key(parse_tag(tag), digest, self.prefix)}"
