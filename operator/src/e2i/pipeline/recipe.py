"""Import the user's code: recipe.py and the modules that it imports from the project's folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from e2i.pipeline.errors import PipelineError, describe_error


@dataclass(frozen=True)
class Recipe:
    """`train(data) -> model`; `check(data)` raises ValueError; `evaluate(model, data) -> {metric: number}`."""

    folder: Path
    file: Path
    train: Callable[..., Any]
    check: Callable[..., Any] | None
    evaluate: Callable[..., Any] | None

    def code(self) -> tuple[Path, ...]:
        """Return the imported files of the project, the recipe first."""
        others = sorted(_imported_files(self.folder) - {self.file})
        return (self.file, *others)


def load_recipe(folder: Path, name: str) -> Recipe:
    """Import the recipe's file again and return it; PipelineError if that fails or it has no function train."""
    file = (folder / name).resolve()
    if file.suffix != ".py" or not file.is_file():
        raise PipelineError(
            f"recipe: {file} does not exist or is no .py file. Correct recipe in project.yaml."
        )
    module = _import_module(file.parent, file.stem, "recipe")
    train = getattr(module, "train", None)
    if not callable(train):
        raise PipelineError(f"{file} has no function train(data) that returns a fitted model. Write it.")
    return Recipe(
        folder.resolve(), file, train, getattr(module, "check", None), getattr(module, "evaluate", None)
    )


def load_function(folder: Path, place: str) -> Callable[..., Any]:
    """Return the function `module:name` of the project's folder; PipelineError if there is none."""
    name, _, function = place.partition(":")
    found = getattr(_import_module(folder.resolve(), name, "data.load"), function, None)
    if not callable(found):
        raise PipelineError(f"data.load: {name}.py has no function {function}. Correct project.yaml.")
    return found  # type: ignore[no-any-return]


def _import_module(folder: Path, name: str, what: str) -> ModuleType:
    # A module that was imported before may belong to another project or be older than its file.
    for known, module in list(sys.modules.items()):
        if known == name or _file_of(module).is_relative_to(folder):
            del sys.modules[known]
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise PipelineError(
            f"{what}: {name}.py cannot be imported: {describe_error(error, folder)}. Correct it."
        ) from error
    if not _file_of(module).is_relative_to(folder):
        raise PipelineError(f"{what}: there is no {name}.py in {folder}. Correct project.yaml.")
    return module


def _file_of(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "/")


def _imported_files(folder: Path) -> set[Path]:
    files = {_file_of(module) for module in list(sys.modules.values())}
    return {file for file in files if file.suffix == ".py" and file.parent == folder}
