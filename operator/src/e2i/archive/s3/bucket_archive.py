"""Find an archive that another program uploaded to the bucket, and read its bento.yaml.

S3 keeps the digest as the object's checksum, so the content is checked without reading it: only bento.yaml is read, to
know which bento it is. An archive without such a checksum is read as a whole, once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from e2i.api import plain_yaml
from e2i.api.artifact import Artifact
from e2i.api.digest import archive_key
from e2i.api.tags import Tag
from e2i.archive.bento_yaml import NAME, parse_description
from e2i.archive.errors import ArchiveConflict, BentoNotFound, BentoUnreadable
from e2i.archive.path_prefix import path_prefix
from e2i.archive.s3.bucket import Bucket
from e2i.archive.tar_beginning import file_in

BEGINNING = 8 << 20
"""Number of bytes that are read: members are sorted, and only README.md and apis/ come before bento.yaml."""


def brought_mark(key: str) -> str:
    """Return the key of the empty object that says that somebody brought the archive, and that it must stay."""
    return f"{key}.brought"


def mark_as_brought(bucket: Bucket, uri: str) -> None:
    """Mark an archive that an operator had uploaded before: from now on it stays. ExportError; blocking."""
    key = uri.removeprefix(f"s3://{bucket.name}/")
    stored = bucket.head(key)
    if stored and stored.namespace:
        bucket.put_once(brought_mark(key), b"")


def find_archive(
    bucket: Bucket, tag: Tag, digest: str, prefix: str, *, check: Callable[[str, int], None]
) -> Artifact:
    """Return the archive with this tag and digest; ExportError if it is missing or wrong. Blocking, for a thread.

    `check` raises if the archive may not have its number of bytes, before anything of it is read.
    """
    key = archive_key(tag, digest, prefix)
    stored = bucket.head(key)
    if stored is None:
        raise BentoNotFound(
            f"The bucket has no archive s3://{bucket.name}/{key}: bring it there with `e2i pipeline push`, or "
            "correct spec.bento.archive.digest."
        )
    check(f"The archive {stored.uri}", stored.size)
    if not stored.is_content(digest, partial(bucket.read_digest, key)):
        raise ArchiveConflict(
            f"{stored.uri} has other content than {digest} (checksum {stored.checksum or 'unknown'}): it was not "
            "written by `e2i pipeline push`. Look at it, then delete it and push again."
        )
    description = _description(bucket.get(key, most=BEGINNING) or b"")
    says = f"{description.get('name')}:{description.get('version')}"
    if says != str(tag):
        raise BentoUnreadable(f"{stored.uri} holds the bento {says}, not {tag}; push {tag} again.")
    return Artifact(
        tag=str(tag),
        digest=digest,
        uri=stored.uri,
        size=stored.size,
        service=str(description.get("entry_service") or tag.name),
        bentoml_version=str(description.get("bentoml_version") or ""),
        path_prefix=path_prefix(description),
    )


def _description(beginning: bytes) -> Mapping[str, Any]:
    """Return the bento.yaml in the first bytes of an archive, or {} if it is missing or cannot be read."""
    with contextlib.suppress(plain_yaml.YamlInvalid):
        return parse_description(file_in(beginning, NAME) or b"")
    return {}
