"""The folder .e2i of a project: the state of its run, the files of its steps, and a lock against a second run."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2i.pipeline.errors import PipelineError
from e2i.pipeline.runstate import FORMAT, Record, RunState

FOLDER = ".e2i"


class Workspace:
    """Paths below a project's .e2i. The folder is created when needed, and its .gitignore excludes it from Git."""

    def __init__(self, project: Path) -> None:
        self.root = project / FOLDER
        self.run_file = self.root / "run.json"
        self.train = self.root / "data" / "train.parquet"
        self.holdout = self.root / "data" / "holdout.parquet"
        self.trained = self.root / "trained"
        self.reference = self.root / "evaluation" / "reference.jsonl"
        self.evaluation = self.root / "evaluation" / "evaluation.json"
        self.reports = self.root / "reports"
        self.stream = self.root / "stream.jsonl"
        self.released = self.root / "released.jsonl"
        self.registry = self.root / "registry"

    def prepare(self) -> None:
        """Create the folder and its .gitignore if they do not exist."""
        self.root.mkdir(parents=True, exist_ok=True)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock; PipelineError if another run has it. The lock ends with its process."""
        self.prepare()
        with open(os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PipelineError(
                    f"Another run is under way in {self.root.parent} (process {lock.read().strip() or 'unknown'}). "
                    "Wait until it has ended, or end it."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def read_state(self) -> RunState:
        """Return the state of the run; PipelineError if run.json is damaged."""
        try:
            content = json.loads(self.run_file.read_bytes())
            if isinstance(content, dict) and content.get("format") != FORMAT:
                return RunState(data=content.get("data"))
            return RunState.model_validate(content)
        except FileNotFoundError:
            return RunState()
        except ValueError as error:
            raise PipelineError(
                f"{self.run_file} is damaged ({type(error).__name__}). Delete it: all steps will then run again."
            ) from None

    def write_state(self, state: RunState) -> None:
        write_atomically(self.run_file, state.model_dump_json(indent=1))

    def release_folder(self, version: str) -> Path:
        """Return the folder of a built version: its card, reference rows, and the digest of its training data."""
        return self.root / "releases" / version

    def missing_files(self, record: Record | None) -> tuple[str, ...]:
        """Return the files of a record that are gone."""
        return tuple(name for name in (record.files if record else ()) if not (self.root / name).exists())

    def name_of(self, file: Path) -> str:
        return str(file.relative_to(self.root))


def write_atomically(file: Path, text: str) -> None:
    """Write a file so that a reader sees either the old or the new content."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text)
    partial.replace(file)


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON-lines file; [] if there is no file. An incomplete line is left out."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text().splitlines():
        with contextlib.suppress(ValueError):
            item = json.loads(line)
            if isinstance(item, dict):
                found.append(item)
    return found


def append_lines(file: Path, items: list[dict[str, Any]]) -> None:
    """Append objects to a JSON-lines file. An incomplete last line is ended first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    broken = file.exists() and file.stat().st_size and not file.read_bytes().endswith(b"\n")
    with file.open("a") as target:
        target.write(("\n" if broken else "") + "".join(f"{json.dumps(item)}\n" for item in items))
