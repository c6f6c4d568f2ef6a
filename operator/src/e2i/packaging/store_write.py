"""Moves a bento and its models from the place where they were built into the BentoML store.

Each is one rename within a file system, under a lock: a reader sees all of it or nothing, two packagings do not meet,
and one that is interrupted leaves at most a model that no bento refers to, which the next one takes or replaces.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from e2i.api.tags import Tag, parse_tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.archive.content_digest import content_digest
from e2i.archive.errors import BentoNotFound, ExportError
from e2i.packaging.data import file_digest
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.version_log import check_version_unused

STAGING = "e2i-packaging-"


def store_folder(given: Path | None) -> Path:
    """Return the BentoML home: the one given, else $BENTOML_HOME, else ~/bentoml."""
    return (given or Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")).resolve()


def ensure_store(given: Path | None) -> Path:
    """Return the BentoML home, made when it is missing."""
    store = store_folder(given)
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PackagingError(
            ErrorReason.FileUnreadable,
            f"The store {store} cannot be made ({error.strerror}). Name another with --store.",
        ) from error
    return store


@contextlib.contextmanager
def staging_folder(store: Path) -> Iterator[Path]:
    """Yield an empty folder on the file system of the store, gone afterwards; those of killed programs go as well."""
    place = store / "tmp"
    place.mkdir(exist_ok=True)
    _remove_abandoned(place)
    folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=place))
    with (folder / "lock").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def stored_digest(store: Path, tag: str) -> str | None:
    """Return the digest of exactly this bento, None when the store has none; PackagingError if it is there and
    unusable."""
    try:
        return content_digest(find_bento(store, parse_tag(tag)))
    except BentoNotFound:
        return None
    except ExportError as failure:
        raise PackagingError(
            ErrorReason.BentoUnusable,
            f"{tag} is in the store {store} and cannot be used: {failure.message} "
            f"`bentoml delete {tag}` removes it.",
        ) from failure


def move_into_store(bento: FoundBento, digest: str, store: Path) -> bool:
    """Move a built bento with its models into `store`; False when it is there already with the same content.

    PackagingError if the bento or one of its models is there under the same version with other content.
    """
    tag = str(bento.tag)
    with _locked(store):
        # Somebody else may have packaged it while this one was served for a trial.
        if (present := stored_digest(store, tag)) is not None:
            check_version_unused(tag, digest, {tag: present}, f"the store {store}")
            return False
        for model in bento.models:
            _put_model(model.tag, model.path, store)
        target = store / "bentos" / bento.tag.name / bento.tag.version
        _rename(bento.path, target)
        _point_latest(target)
    return True


def _put_model(tag: Tag, path: Path, store: Path) -> None:
    target = store / "models" / tag.name / tag.version
    if target.is_dir():
        if _same_files(path, target):
            return
        users = _bentos_with(store, tag)
        if users:
            raise PackagingError(
                ErrorReason.VersionReused,
                f"The model {tag} in the store {store} is another one, and {users[0]} uses it. "
                "Give the next version, or another name.",
            )
        # Without a bento it is what an interrupted packaging left.
        shutil.rmtree(target)
    _rename(path, target)
    _point_latest(target)


def _bentos_with(store: Path, tag: Tag) -> list[str]:
    """Return the bentos of the store that refer to a model; read as text, because a damaged bento counts as well."""
    found = []
    for file in sorted((store / "bentos").glob("*/*/bento.yaml")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            words = file.read_text().replace('"', " ").replace("'", " ").split()
            if str(tag) in words:
                found.append(f"{file.parent.parent.name}:{file.parent.name}")
    return found


def _same_files(one: Path, other: Path) -> bool:
    def looks(folder: Path) -> dict[str, str]:
        return {
            str(file.relative_to(folder)): file_digest(file)
            for file in sorted(folder.rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts
        }

    return looks(one) == looks(other)


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # BentoML builds in a folder that only its user may enter; an operator that shares the store is another one.
    source.chmod(target.parent.stat().st_mode)
    source.rename(target)


def _point_latest(target: Path) -> None:
    """Make BentoML's `latest` point to the bento or model that was made last."""
    pointer = target.parent / "latest"
    partial = pointer.with_name(".latest.partial")
    partial.write_text(target.name)
    partial.replace(pointer)


@contextlib.contextmanager
def _locked(store: Path) -> Iterator[None]:
    with (store / "tmp" / "e2i-packaging.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_abandoned(place: Path) -> None:
    """Remove staging folders whose lock nobody holds: their programs were killed."""
    for folder in place.glob(f"{STAGING}*"):
        with contextlib.suppress(OSError), (folder / "lock").open("r+") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
