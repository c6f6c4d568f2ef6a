"""The digest of a bento's files and the bucket key made from it. Pure.

Two archives of one bento may differ in bytes (times, owners, order, compression), but their files are the same.
So the digest is over the one tar that `archive.canonical_tar` makes of them. It is computed from the parts of the
upload: the sha256 of each part is computed once, for the digest, for the signature and for the server's check.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from e2i.api.tags import Tag, TagRefused, parse_tag

PART_SIZE = 16 << 20
"""Bytes of each part except the last. Another value would give every bento a new digest."""
MOST_PARTS = 10_000
"""The most parts that S3 accepts in one object."""

_ARCHIVE = re.compile(r"(?:.*/)?bentos/([^/:]+)/([^/:]+)/([0-9a-f]{64})\.tar")


def archive_digest(parts: Sequence[bytes]) -> str:
    """Return sha256:<64 hex> over the 32-byte sha256 of each part of the archive, in order.

    S3 shows the same value, in base64, as the composite checksum of the object.
    """
    return f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}"


def archive_key(tag: Tag, digest: str, prefix: str = "") -> str:
    """Return the bucket key of an archive. Equal files have equal keys.

    churn_model:1.4.2, sha256:9f…, prefix "team" -> team/bentos/churn_model/1.4.2/9f….tar
    """
    key = f"bentos/{tag.name}/{tag.version}/{digest.removeprefix('sha256:')}.tar"
    return f"{prefix.strip('/')}/{key}" if prefix.strip("/") else key


def key_of_archive(uri: str, bucket: str, prefix: str) -> str | None:
    """Return the key of an archive; None if `archive_key` would not give this address."""
    place = f"s3://{bucket}/"
    match = _ARCHIVE.fullmatch(uri.removeprefix(place))
    if match is None:
        return None
    name, version, digest = match.groups()
    try:
        expected = archive_key(parse_tag(f"{name}:{version}"), digest, prefix)
    except TagRefused:
        return None
    return expected if uri == place + expected else None
