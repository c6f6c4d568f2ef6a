"""Stores the records of releases in the bucket, and deletes archives that nobody needs.

All methods block, so they run in a thread. They raise ExportError if the S3 server does not do as asked.
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
        """Write the record and return its uri. If it is there already, leave it: it has the same content."""
        key = release_record.key(record, self._prefix)
        self._bucket.put_once(key, release_record.encode(record))
        return f"s3://{self._bucket.name}/{key}"

    def read(self, namespace: str, model: str, newest: int = 50) -> tuple[Record, ...]:
        """Return the newest records of a model, and older ones that it may have to return to; oldest first.

        A record that is damaged, or has the key of another, is left out with a warning.
        """
        found = sorted(self._entries(namespace, model), key=lambda entry: entry.key, reverse=True)
        wanted = {entry.key for entry in (*found[:newest], *release_record.lasting(found))}
        return tuple(record for key in sorted(wanted) if (record := self._record(key)))

    def last_good_digests(self, but: tuple[str, str] | None = None) -> frozenset[str]:
        """Return the first DIGEST_HEX hex digits of every artifact that some model may have to return to.

        Models that no cluster has count too: a rebuilt cluster begins with their records. `but`: (namespace, name) of
        a model that needs no archive any more. Lists the bucket once.
        """
        left_out = release_record.directory(*but, self._prefix) if but else ""
        models: dict[str, list[Entry]] = defaultdict(list)
        for key in self._bucket.keys(release_record.root(self._prefix)):
            if (entry := release_record.parse_key(key)) and entry.directory != left_out:
                models[entry.directory].append(entry)
        return frozenset(entry.digest for found in models.values() for entry in release_record.lasting(found))

    def archive_exists(self, artifact: Artifact) -> bool:
        """Return whether the artifact's archive is in this bucket, with the right size and digest."""
        key = self._archive(artifact.uri)
        there = self._bucket.head(key) if key else None
        return there is not None and (there.size, there.digest) == (artifact.size, artifact.digest)

    def delete_archive(self, uri: str) -> None:
        """Delete an archive; one that is gone already is success. ValueError if the uri is not that of an archive."""
        key = self._archive(uri)
        if key is None:
            raise ValueError(f"{uri!r} is no archive of the bucket {self._bucket.name}: it is not deleted")
        self._bucket.delete(key)

    def delete_records(self, namespace: str, model: str) -> None:
        """Delete all records of a model, oldest first; no archives."""
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
            # It was deleted after it was listed.
            return None
        record = release_record.decode(body)
        if record is None or release_record.key(record, self._prefix) != key:
            logger.warning(
                "s3://%s/%s is no record that this operator can read: it is left out",
                self._bucket.name,
                key,
            )
            return None
        return record

    def _archive(self, uri: str) -> str | None:
        return release_record.key_of_archive(uri, self._bucket.name, self._prefix)
