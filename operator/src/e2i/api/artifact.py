"""A bento exported to the bucket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A bento that lies exported in the bucket."""

    tag: str
    digest: str
    """sha256:<64 hex> over the sorted tree."""
    uri: str
    size: int
    """Bytes of the archive."""
    service: str = ""
    """Name of the entry service, for Yatai's records."""
    bentoml_version: str = ""
