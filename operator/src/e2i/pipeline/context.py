"""The `Loop` that every step gets: project, workspace, options, and the outputs of earlier steps."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2i.packaging.data import file_digest
from e2i.packaging.names import object_name
from e2i.pipeline.cluster import Cluster
from e2i.pipeline.project import Project, read_project
from e2i.pipeline.runstate import Outputs, RunState
from e2i.pipeline.workspace import Workspace

OWN_DATA = "project"
"""Value of --data that returns to the project's own data."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """Options of the command line. `against` is a model, or `none`."""

    data: Path | None = None
    store: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    overlay: Path | None = None
    against: str | None = None
    image: str | None = None
    git_push: bool = False
    stream: Path | None = None
    trial: bool = True
    timeout: float = 600.0
    force: bool = False


@dataclass(frozen=True)
class StepResult:
    """Result of a step: a sentence for people, outputs for later steps, and its files below .e2i."""

    sentence: str
    outputs: Outputs = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    skipped: bool = False


@dataclass
class Loop:
    """One project and its current run. Only the runner changes `state`."""

    folder: Path
    project: Project
    workspace: Workspace
    options: Options
    state: RunState
    say: Say
    rows: Any = None
    """Rows that data.load returned. It may be a long query, so it is called once in a run."""

    def outputs(self, step: str) -> Outputs:
        return self.state.outputs(step)

    @property
    def data(self) -> Path | None:
        """File from --data that replaces the project's data, or None."""
        return Path(self.state.data) if self.state.data else None

    @property
    def store(self) -> Path:
        """BentoML store of the bento: --store, else $BENTOML_HOME, else ~/bentoml."""
        given = self.options.store or os.environ.get("BENTOML_HOME") or Path.home() / "bentoml"
        return Path(given).resolve()

    @property
    def model_name(self) -> str:
        """Name of the E2IModel."""
        return self.project.deploy.name or object_name(self.project.name)

    @property
    def cluster(self) -> Cluster | None:
        """Cluster where the model serves, or None without a kubeconfig."""
        if self.options.kubeconfig is None:
            return None
        namespace = self.project.deploy.namespace
        return Cluster(self.options.kubeconfig, self.options.context, namespace, self.model_name)

    @property
    def overlay(self) -> Path | None:
        """Folder of the overlay: --overlay, else deploy.overlay (relative to the project), else None."""
        if self.options.overlay:
            return self.options.overlay.resolve()
        written = self.project.deploy.overlay
        return (self.folder / written).resolve() if written else None

    def code_files(self) -> list[Path]:
        """Return all Python files of the project except its tests; a recipe may be named test_*.py."""
        recipe = self.folder / self.project.recipe
        return [
            file for file in _python_files(self.folder) if file == recipe or not is_test(file, self.folder)
        ]

    def code_digest(self) -> str:
        """Return the digest of the project's code."""
        return files_digest(self.folder, self.code_files())


def open_loop(folder: Path, options: Options, say: Say) -> Loop:
    """Read the project in `folder` and its state; ProjectError or PipelineError if one of them is wrong."""
    folder = folder.resolve()
    project, workspace = read_project(folder), Workspace(folder)
    state = workspace.read_state()
    if options.data:
        own = {Path(OWN_DATA), *([folder / project.data.file] if project.data.file else [])}
        given = None if options.data in own else str(options.data.resolve())
        state = state.model_copy(update={"data": given})
    return Loop(folder, project, workspace, options, state, say)


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a value, as JSON with sorted keys; other types by their str()."""
    text = json.dumps(value, sort_keys=True, default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def files_digest(folder: Path, files: Iterable[Path]) -> str:
    """Return the digest of the files' names and contents."""
    return digest_of({str(file.relative_to(folder)): file_digest(file) for file in files})


def is_test(file: Path, folder: Path) -> bool:
    inside = file.relative_to(folder)
    return inside.parts[0] == "tests" or file.name.startswith("test_") or file.name == "conftest.py"


def _python_files(folder: Path) -> list[Path]:
    """Return the .py files below `folder`, sorted, without hidden folders and Python environments."""
    found = []
    for file in folder.rglob("*.py"):
        parts = file.relative_to(folder).parts
        if not any(part.startswith(".") or part in ("__pycache__", "site-packages") for part in parts):
            found.append(file)
    return sorted(found)
