"""Stores the records of releases in the bucket, and deletes archives that nobody needs.

All methods block, so they run in a thread. They raise ExportError if the S3 server does not do as asked.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from e2i.api import release_record
from e2i.api.artifact import ArchivePlace, Artifact
from e2i.api.release_record import Record
from e2i.archive.s3.bucket import Bucket
from e2i.archive.s3.bucket_archive import brought_mark
from e2i.controller.core.notifications import MARKS, marks

NEWEST = 50
"""Records of a model that are read in any case."""

Beat = Callable[[], None]
"""Called before each request: a sign of life."""

logger = logging.getLogger("e2i")


def _ignore() -> None:
    """Report nothing."""


class ReleaseStore:
    """The records below one prefix of one bucket; safe to call from several threads."""

    def __init__(self, bucket: Bucket, prefix: str = "", *, is_shared: bool = True) -> None:
        """`is_shared`: whether namespaces use the same archives."""
        self._bucket = bucket
        self._prefix = prefix
        self._place = ArchivePlace(bucket.name, prefix, is_shared)

    def write(self, record: Record) -> str:
        """Write the record and return its key. If it is there already, leave it: it has the same content."""
        key = release_record.key(record, self._prefix)
        self._bucket.put_once(key, release_record.encode(record))
        return key

    def folder(self, namespace: str, model: str) -> str:
        """Return the folder of a model's records. Sends nothing."""
        return release_record.directory(namespace, model, self._prefix)

    def list_all(self, beat: Beat = _ignore) -> dict[str, tuple[str, ...]]:
        """Return the keys of all records by their folder."""
        found: dict[str, list[str]] = defaultdict(list)
        for key in self._bucket.keys(release_record.root(self._prefix)):
            beat()
            if entry := release_record.parse_key(key):
                found[entry.directory].append(key)
        return {folder: tuple(keys) for folder, keys in found.items()}

    def list_archives(self, beat: Beat = _ignore) -> Mapping[str, int]:
        """Return the bytes of all archives, by their addresses."""
        found = {}
        for key, size in self._bucket.sizes(self._place.root):
            beat()
            found[f"s3://{self._bucket.name}/{key}"] = size
        return found

    def read_usable(
        self, namespace: str, model: str, beat: Beat = _ignore, *, listed: Iterable[str] | None = None
    ) -> tuple[Record, ...]:
        """Return the records that can be used: failures, and releases with an archive that is still there.

        The newest, and older ones that the model may have to return to; oldest first. `listed`: the model's keys if
        they are known. A record that is damaged, or has the key of another, is left out with a warning.
        """
        found = self.read(namespace, model, beat, listed=listed)
        there: dict[Artifact, bool] = {}
        for artifact in {each.artifact for each in found}:
            beat()
            there[artifact] = self.archive_exists(artifact, namespace)
        return tuple(each for each in found if each.result == release_record.FAILED or there[each.artifact])

    def read(
        self,
        namespace: str,
        model: str,
        beat: Beat = _ignore,
        *,
        listed: Iterable[str] | None = None,
        newest: int = NEWEST,
    ) -> tuple[Record, ...]:
        """Return the same, whether the archives are there or not."""
        folder = self.folder(namespace, model)
        keys = self._bucket.keys(folder) if listed is None else listed
        entries = (release_record.parse_key(key) for key in keys)
        found = sorted(
            (entry for entry in entries if entry and entry.directory == folder),
            key=lambda entry: entry.key,
            reverse=True,
        )
        wanted = {entry.key for entry in (*found[:newest], *release_record.lasting(found))}
        records = []
        for key in sorted(wanted):
            beat()
            if record := self._record(key):
                records.append(record)
        return tuple(records)

    def archive_exists(self, artifact: Artifact, namespace: str) -> bool:
        """Return whether the namespace has the artifact's archive in this bucket, with the right size and digest.

        An image lies in its registry: a release that cannot pull it says so itself.
        """
        if artifact.image:
            return True
        key = self._place.key(artifact.uri, namespace)
        there = self._bucket.head(key) if key else None
        if key is None or there is None or there.size != artifact.size:
            return False
        if there.digest:
            return there.digest == artifact.digest
        # A copy of the bucket, without our metadata.
        return there.is_content(artifact.digest, partial(self._bucket.read_digest, key))

    def delete_archive(self, uri: str, namespace: str) -> None:
        """Delete an archive that an operator uploaded for this namespace; one that is gone already is success.

        Anything else stays, with a line in the log: somebody else brought it, or it was uploaded for another namespace.
        """
        key = self._place.key(uri, namespace)
        if key is None:
            logger.warning(
                "%r is no archive of %s in %s: it is not deleted", uri, namespace, self._bucket.name
            )
            return
        found = self._bucket.head(key)
        if found is None:
            return
        if not namespace or found.namespace != namespace or self._bucket.head(brought_mark(key)):
            logger.info("%s stays in the bucket: it was not uploaded only for models of %s", uri, namespace)
            return
        self._bucket.delete(key)

    def delete_records(self, namespace: str, model: str, beat: Beat = _ignore) -> None:
        """Delete all records of a model, oldest first, after the marks of its events; no archives."""
        for told in MARKS:
            for key in list(self._bucket.keys(marks(namespace, model, self._prefix, told))):
                beat()
                self._bucket.delete(key)
        folder = self.folder(namespace, model)
        entries = (release_record.parse_key(key) for key in self._bucket.keys(folder))
        for key in sorted(entry.key for entry in entries if entry and entry.directory == folder):
            beat()
            self._bucket.delete(key)

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
