"""The ledger of releases in the bucket, and what garbage collection asks of the bucket.

Blocking, for a thread. What the S3 server does not do is an ExportFailure, with the same reasons as an export.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator

from e2i.api import release_record
from e2i.api.artifact import Artifact
from e2i.api.release_record import Entry, Record
from e2i.archive.s3.bucket import Bucket

logger = logging.getLogger("e2i")


class ReleaseStore:
    """The records below one prefix of one bucket; safe to call from several threads."""

    def __init__(self, bucket: Bucket, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = prefix

    def write(self, record: Record) -> str:
        """Keep the record, and return where. One that is there already stays, and is as good."""
        key = release_record.key(record, self._prefix)
        self._bucket.put_once(key, release_record.encode(record))
        return f"s3://{self._bucket.name}/{key}"

    def read(self, namespace: str, model: str, newest: int = 50) -> tuple[Record, ...]:
        """The newest records of a model, oldest first, with those that it may have to return to, however old.

        What is damaged, or lies where it does not belong, is passed over with a warning.
        """
        found = sorted(self._entries(namespace, model), key=lambda entry: entry.key, reverse=True)
        wanted = {entry.key for entry in (*found[:newest], *release_record.lasting(found))}
        return tuple(record for key in sorted(wanted) if (record := self._record(key)))

    def last_good_digests(self, but: tuple[str, str] | None = None) -> frozenset[str]:
        """DIGEST_HEX hex digits of every artifact that some model may have to return to; one listing.

        Models without a cluster count too: their records are what a rebuilt one begins with. `but`: (namespace,
        name) of a model that needs nothing any more.
        """
        left_out = release_record.directory(*but, self._prefix) if but else ""
        models: dict[str, list[Entry]] = defaultdict(list)
        for key in self._bucket.keys(release_record.root(self._prefix)):
            if (entry := release_record.parse_key(key)) and entry.directory != left_out:
                models[entry.directory].append(entry)
        return frozenset(entry.digest for found in models.values() for entry in release_record.lasting(found))

    def archive_exists(self, artifact: Artifact) -> bool:
        """Is the artifact's archive in this bucket, with the size and the digest that it should have?"""
        key = self._archive(artifact.uri)
        there = self._bucket.head(key) if key else None
        return there is not None and (there.size, there.digest) == (artifact.size, artifact.digest)

    def delete_archive(self, uri: str) -> None:
        """Remove an archive; gone already is success. ValueError for what no export of ours wrote."""
        key = self._archive(uri)
        if key is None:
            raise ValueError(f"{uri!r} is no archive of the bucket {self._bucket.name}: it is left as it is")
        self._bucket.delete(key)

    def delete_records(self, namespace: str, model: str) -> None:
        """Remove all that is known of a model, oldest first; nothing but records."""
        for entry in sorted(self._entries(namespace, model), key=lambda entry: entry.key):
            self._bucket.delete(entry.key)

    def _entries(self, namespace: str, model: str) -> Iterator[Entry]:
        directory = release_record.directory(namespace, model, self._prefix)
        for key in self._bucket.keys(directory):
            entry = release_record.parse_key(key)
            if entry and entry.directory == directory:
                yield entry

    def _record(self, key: str) -> Record | None:
        body = self._bucket.get(key, release_record.LARGEST)
        if body is None:
            # Deleted since it was listed.
            return None
        record = release_record.decode(body)
        if record is None or release_record.key(record, self._prefix) != key:
            logger.warning(
                "s3://%s/%s is no record that this operator can read: it is passed over",
                self._bucket.name,
                key,
            )
            return None
        return record

    def _archive(self, uri: str) -> str | None:
        return release_record.key_of_archive(uri, self._bucket.name, self._prefix)
