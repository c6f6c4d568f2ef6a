"""The identity of a bento: a digest of its tree, and the bucket key that follows from it.

Two archives of one bento may differ in bytes (times, owners, order, compression); their trees do not. So the
digest is over the one tar that `archive.canonical_tar` makes of a tree. It is cut as the upload is:
the sha256 of each part is computed once, and serves for the digest, for signing and for the server's own check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from e2i.api.tags import Tag

PART_SIZE = 16 << 20
"""Bytes of each part but the last. Part of every digest: another value gives all bentos new ones."""
MOST_PARTS = 10_000
"""S3 takes no more parts in one object."""


def archive_digest(parts: Sequence[bytes]) -> str:
    """Return sha256:<64 hex> over the 32-byte sha256 of each part of the archive, in order.

    S3 shows the same value, in base64, as the composite checksum of the object.
    """
    return f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}"


def archive_key(tag: Tag, digest: str, prefix: str = "") -> str:
    """Return the bucket key: same tree, same key.

    churn_model:1.4.2, sha256:9f…, prefix "team" -> team/bentos/churn_model/1.4.2/9f….tar
    """
    key = f"bentos/{tag.name}/{tag.version}/{digest.removeprefix('sha256:')}.tar"
    return f"{prefix.strip('/')}/{key}" if prefix.strip("/") else key
