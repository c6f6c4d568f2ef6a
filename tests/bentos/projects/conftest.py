"""The example projects, imported and trained as the pipeline does it, once for all tests."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from e2i.packaging.describe import describe
from e2i.pipeline.project import Project, read_project
from e2i_bento.predicting import Predictor, load_predictor

BENTOS = Path(__file__).resolve().parents[3] / "bentos"
IMPORTED: dict[Path, dict[str, ModuleType]] = {}


@dataclass(frozen=True)
class Example:
    """A project with its data, of which the model has seen four fifths, the first ones."""

    folder: Path
    project: Project
    recipe: ModuleType
    generator: ModuleType
    """The module `data`: what made the data, and the truth about it."""
    data: pd.DataFrame
    model: Any

    def importable(self) -> AbstractContextManager[None]:
        return modules_of(self.folder)

    @property
    def features(self) -> list[str]:
        return list(self.project.features or ())

    @property
    def seen(self) -> pd.DataFrame:
        return self.data[: len(self.data) * 4 // 5]

    @property
    def unseen(self) -> pd.DataFrame:
        return self.data[len(self.data) * 4 // 5 :]


@pytest.fixture(scope="session")
def example() -> Callable[[str], Example]:
    return cache(load_example)


@pytest.fixture(scope="session")
def trained(
    example: Callable[[str], Example], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The folder that training leaves: model, card, requirements."""

    @cache
    def described(name: str) -> Path:
        shown = example(name)
        project, folder = shown.project, tmp_path_factory.mktemp(name) / "trained"
        with shown.importable():
            describe(
                shown.model,
                shown.seen,
                name=project.name,
                kind=project.type,
                target=project.target,
                treatment=project.treatment,
                features={feature: declaration(project, feature) for feature in shown.features},
                decisions=project.decisions,
                requirements=shown.folder / project.requirements,
                synthetic=project.data.synthetic,
                code=sorted(shown.folder / f"{module}.py" for module in IMPORTED[shown.folder]),
                out=folder,
            )
        return folder

    return described


@pytest.fixture(scope="session")
def predictor(
    example: Callable[[str], Example], trained: Callable[[str], Path]
) -> Callable[[str], Predictor]:
    """The project's model, loaded again from its file as a service does it."""

    @cache
    def loaded(name: str) -> Predictor:
        with example(name).importable():
            return load_predictor(trained(name))

    return loaded


def declaration(project: Project, feature: str) -> dict[str, Any]:
    return project.declaration(feature).model_dump(exclude_unset=True)


def load_example(name: str) -> Example:
    """Import the project's modules, get its data and train; every project has a module `data` of its own."""
    folder = BENTOS / name
    project = read_project(folder)
    with modules_of(folder):
        recipe = importlib.import_module("recipe")
        generator = importlib.import_module("data")
        module, _, function = str(project.data.load).partition(":")
        data = getattr(importlib.import_module(module), function)()
        untrained = Example(folder, project, recipe, generator, data, None)
        columns = [*untrained.features, project.target, *([project.treatment] if project.treatment else [])]
        return replace(untrained, model=recipe.train(untrained.seen[columns]))


@contextmanager
def modules_of(folder: Path) -> Iterator[None]:
    """Meanwhile the folder's modules can be imported, and no others of the same names, such as another's `data`.

    Afterwards they are put aside for the next time, so that a class stays the same class.
    """
    names = {file.stem for file in folder.glob("*.py")}
    hidden = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    sys.path.insert(0, str(folder))
    sys.modules.update(IMPORTED.get(folder, {}))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        IMPORTED[folder] = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
        sys.modules.update(hidden)
