"""Where the results lie while they grow: a folder beside the output, here or in a bucket.

Each piece of the input has one file, which is written whole or not at all. So a run that is killed loses the pieces it
was at, and nothing else, and the next run does those again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import Protocol

from e2i.scoring.errors import ScoringError


class Folder(Protocol):
    """Small files by their names."""

    def names(self) -> set[str]:
        """Return the names of all files."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file that exists."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        ...

    def remove(self) -> None:
        """Remove all files."""
        ...

    def close(self) -> None:
        """Let other runs use it; safe to repeat."""
        ...


class LocalFolder:
    """A folder of this machine. One run at a time may use it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ScoringError(f"Another run writes to {path}: wait for it, or end it.") from None
        except OSError as error:
            raise ScoringError(f"{path} cannot be written: {error}.") from error

    def names(self) -> set[str]:
        return {file.name for file in self._path.iterdir() if not file.name.startswith(".")}

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        unfinished = self._path / f".{name}"
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path / name)

    def remove(self) -> None:
        shutil.rmtree(self._path)

    def close(self) -> None:
        self._lock.close()


class Files(Protocol):
    """Inputs and outputs by their names."""

    def fetch(self, name: str, place: Path) -> Path:
        """Return the input as a file of this machine, in `place` if it has to be brought here."""
        ...

    def mark(self, name: str) -> str:
        """Return what changes when the input does."""
        ...

    def folder(self, name: str) -> Folder:
        """Return the folder beside an output."""
        ...

    def publish(self, made: Path, name: str) -> None:
        """Put a finished file in its place, at once."""
        ...


class LocalFiles:
    """Input and output as files of this machine."""

    def fetch(self, name: str, place: Path) -> Path:
        del place
        return Path(name)

    def mark(self, name: str) -> str:
        known = Path(name).stat()
        return f"{known.st_size} {known.st_mtime_ns}"

    def folder(self, name: str) -> Folder:
        return LocalFolder(Path(f"{name}.progress"))

    def publish(self, made: Path, name: str) -> None:
        unfinished = Path(f"{name}.unfinished")
        shutil.copyfile(made, unfinished)
        unfinished.replace(name)
