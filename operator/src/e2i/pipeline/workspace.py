"""The folder .e2i of a project: where a run stands, what its steps left, and the lock that keeps two runs apart."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2i.pipeline.errors import PipelineError
from e2i.pipeline.runstate import FORMAT, Record, RunState

FOLDER = ".e2i"


class Workspace:
    """Paths below a project's .e2i, which is made when it is not there and keeps itself out of Git."""

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
        self.root.mkdir(parents=True, exist_ok=True)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock; PipelineError if another run has it. It ends with the process that holds it."""
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
        """Where the run stands; PipelineError if run.json is damaged."""
        try:
            content = json.loads(self.run_file.read_bytes())
            if isinstance(content, dict) and content.get("format") != FORMAT:
                return RunState(data=content.get("data"))
            return RunState.model_validate(content)
        except FileNotFoundError:
            return RunState()
        except ValueError as error:
            raise PipelineError(
                f"{self.run_file} is damaged ({type(error).__name__}). Delete it: the loop then begins again."
            ) from None

    def write_state(self, state: RunState) -> None:
        write_atomically(self.run_file, state.model_dump_json(indent=1))

    def release_folder(self, version: str) -> Path:
        """What is kept of a version that was built: its card, its reference, and what data it learned from."""
        return self.root / "releases" / version

    def missing_files(self, record: Record | None) -> tuple[str, ...]:
        """Files of a record that are gone."""
        return tuple(name for name in (record.files if record else ()) if not (self.root / name).exists())

    def name_of(self, file: Path) -> str:
        return str(file.relative_to(self.root))


def write_atomically(file: Path, text: str) -> None:
    """Write a file so that a reader sees the old content or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text)
    partial.replace(file)


def replace_folder(new: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    new.replace(old)


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file; [] when it is not there. A line that broke off is left out."""
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
    file.parent.mkdir(parents=True, exist_ok=True)
    broken = file.exists() and file.stat().st_size and not file.read_bytes().endswith(b"\n")
    with file.open("a") as target:
        target.write(("\n" if broken else "") + "".join(f"{json.dumps(item)}\n" for item in items))
