"""`Artifact`: a bento in the bucket."""

from __future__ import annotations

from dataclasses import dataclass


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
