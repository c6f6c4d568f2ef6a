"""A fake of `ReleaseStore`: the records and the archives of a bucket, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from support.builders import an_artifact

from e2i.api import release_record
from e2i.api.artifact import Artifact
from e2i.api.release_record import Record
from e2i.archive.errors import ExportError


def _ignore() -> None:
    """No sign of life."""


ARCHIVE_SIZE = an_artifact("churn:1").size


class FakeReleaseStore:
    """The methods of `ReleaseStore`, on records that are encoded and decoded."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploaded: dict[str, str] = {}
        """The namespace that each archive (uri) was uploaded for."""
        self.deleted: list[str] = []
        """Archives (uris) that were removed, one after the other."""
        self.gone: set[str] = set()
        """Archives that are not there now."""
        self.overwritten: dict[str, int] = {}
        """Bytes of archives that somebody else wrote or cut."""
        self.in_use: Callable[[str], bool] = lambda uri: False
        """Whether something that runs was made of an archive: it must never be removed."""
        self.failure: ExportError | None = None
        """Answers everything while it is set."""
        self.before: Callable[[str], None] = lambda deed: None
        """Called in the thread before each deed: list, read, write, exists, delete, empty."""
        self.deeds: list[str] = []

    def upload(self, uri: str, namespace: str) -> bool:
        """Upload an archive for a namespace; return False if it is there already."""
        if uri in self.uploaded and uri not in self.gone:
            return False
        self.uploaded[uri] = namespace
        self.gone.discard(uri)
        return True

    def lose_everything(self) -> None:
        """As if somebody had emptied the bucket."""
        self.objects.clear()
        self.uploaded.clear()

    def records(self, name: str = "churn") -> list[Record]:
        found = [
            release_record.decode(self.objects[key]) for key in sorted(self.objects) if f"/{name}/" in key
        ]
        return [record for record in found if record and record.model == name]

    def write(self, record: Record) -> str:
        self._ask("write")
        key = release_record.key(record, "")
        self.objects.setdefault(key, release_record.encode(record))
        return key

    def folder(self, namespace: str, model: str) -> str:
        return release_record.directory(namespace, model, "")

    def list_all(self, beat: Callable[[], None] = _ignore) -> dict[str, tuple[str, ...]]:
        self._ask("list")
        folders = {key.rpartition("/")[0] + "/" for key in self.objects}
        return {folder: tuple(key for key in self.objects if key.startswith(folder)) for folder in folders}

    def list_archives(self, beat: Callable[[], None] = _ignore) -> dict[str, int]:
        self._ask("list")
        return {uri: self.overwritten.get(uri, ARCHIVE_SIZE) for uri in self.uploaded.keys() - self.gone}

    def read(
        self,
        namespace: str,
        model: str,
        beat: Callable[[], None] = _ignore,
        *,
        listed: Iterable[str] | None = None,
    ) -> tuple[Record, ...]:
        self._ask("read")
        return tuple(record for record in self.records(model) if record.namespace == namespace)

    def read_usable(
        self,
        namespace: str,
        model: str,
        beat: Callable[[], None] = _ignore,
        *,
        listed: Iterable[str] | None = None,
    ) -> tuple[Record, ...]:
        found = self.read(namespace, model)
        return tuple(
            each
            for each in found
            if each.result == release_record.FAILED or self.archive_exists(each.artifact, each.namespace)
        )

    def archive_exists(self, artifact: Artifact, namespace: str) -> bool:
        self._ask("exists")
        return artifact.uri not in self.gone

    def delete_archive(self, uri: str, namespace: str) -> None:
        self._ask("delete")
        if self.uploaded.get(uri) != namespace or uri in self.gone:
            return
        assert not self.in_use(uri), f"{uri} was removed while it is needed"
        self.deleted.append(uri)
        self.gone.add(uri)

    def delete_records(self, namespace: str, model: str, beat: Callable[[], None] = _ignore) -> None:
        self._ask("empty")
        for key in [key for key in self.objects if key.startswith(self.folder(namespace, model))]:
            del self.objects[key]

    def _ask(self, deed: str) -> None:
        self.deeds.append(deed)
        self.before(deed)
        if self.failure:
            raise self.failure
