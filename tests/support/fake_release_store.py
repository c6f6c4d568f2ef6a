"""A fake of `ReleaseStore`: the records and the archives of a bucket, in memory."""

from __future__ import annotations

from collections.abc import Callable

from e2i.api import release_record
from e2i.api.artifact import Artifact
from e2i.api.release_record import Record
from e2i.archive.errors import ExportError


class FakeReleaseStore:
    """The methods of `ReleaseStore`, on records that are encoded and decoded."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.deleted: list[str] = []
        """Archives (uris) that were removed, one after the other."""
        self.gone: set[str] = set()
        """Archives that are not there now."""
        self.in_use: Callable[[str], bool] = lambda uri: False
        """Whether something that runs was made of an archive: it must never be removed."""
        self.failure: ExportError | None = None
        """Answers everything while it is set."""

    def records(self, name: str = "churn") -> list[Record]:
        found = [release_record.decode(self.objects[key]) for key in sorted(self.objects)]
        return [record for record in found if record and record.model == name]

    def write(self, record: Record) -> str:
        self._ask()
        return str(self.objects.setdefault(release_record.key(record, ""), release_record.encode(record)))

    def read(self, namespace: str, model: str, newest: int = 50) -> tuple[Record, ...]:
        self._ask()
        return tuple(record for record in self.records(model) if record.namespace == namespace)

    def last_good_digests(self, but: tuple[str, str] | None = None) -> frozenset[str]:
        self._ask()
        left_out = release_record.directory(*but, "") if but else "nothing"
        entries = [entry for key in self.objects if (entry := release_record.parse_key(key))]
        return frozenset(
            entry.digest
            for directory in {entry.directory for entry in entries} - {left_out}
            for entry in release_record.lasting(entry for entry in entries if entry.directory == directory)
        )

    def archive_exists(self, artifact: Artifact) -> bool:
        self._ask()
        return artifact.uri not in self.gone

    def delete_archive(self, uri: str) -> None:
        self._ask()
        assert not self.in_use(uri), f"{uri} was removed while it is needed"
        self.deleted.append(uri)
        self.gone.add(uri)

    def delete_records(self, namespace: str, model: str) -> None:
        self._ask()
        for key in [
            key for key in self.objects if key.startswith(release_record.directory(namespace, model, ""))
        ]:
            del self.objects[key]

    def _ask(self) -> None:
        if self.failure:
            raise self.failure
