"""Reads the kustomization of an environment, and finds the files that say something of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from e2i.api import naming
from e2i.packaging.errors import PackagingError
from e2i.packaging.yaml_file import load, load_all, read
from e2i.promotion.errors import PromotionRefused, Reason

T = TypeVar("T")

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_DEEPEST = 10
"""Folders below folders that are looked through; kustomize itself refuses circles."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A file with one E2IModel, or with a patch of one."""

    file: Path
    content: Mapping[str, Any]

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.content.get("spec") or {}

    @property
    def namespace(self) -> str | None:
        return (self.content.get("metadata") or {}).get("namespace")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A folder with a kustomization."""

    folder: Path
    file: Path
    """Its kustomization."""
    content: Mapping[str, Any]

    @property
    def namespace(self) -> str | None:
        """The namespace that all its objects get."""
        return self.content.get("namespace")

    def name_of(self, model: str) -> str:
        """Return the model's name in the cluster."""
        return f"{self.content.get('namePrefix') or ''}{model}{self.content.get('nameSuffix') or ''}"


def read_environment(folder: Path) -> Environment:
    """Return the environment; PromotionRefused if the folder is none."""
    file = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if file is None:
        raise PromotionRefused(
            Reason.FolderUnusable, f"{folder} has no {NAMES[0]}. Name the folder of an environment."
        )
    return Environment(folder=folder, file=file, content=usable(lambda: load(read(file), file)))


def find(environment: Environment, name: str) -> Manifest | None:
    """Return the file of the folder that says the bento of the model, else one that says something of it, else None.

    PromotionRefused if two files say its bento, or a file cannot be changed.
    """
    found = list(_own(environment, name))
    for place in _written_inline(environment, name):
        raise _refused(
            f"{environment.file} says {place} of {name} in a patch without a file. Move it to a file of its own."
        )
    with_bento = [each for each in found if "bento" in each.spec]
    if len(with_bento) > 1:
        raise _refused(
            f"{with_bento[0].file} and {with_bento[1].file} both say the bento of {name}. Leave it in one of them."
        )
    return next(iter([*with_bento, *found]), None)


def inherited(environment: Environment, name: str) -> Manifest | None:
    """Return the model's manifest in a folder that the environment is based on."""
    return next(_below(environment, name, _DEEPEST), None)


def usable(call: Callable[[], T]) -> T:
    """Return the result; PromotionRefused if a file cannot be used."""
    try:
        return call()
    except PackagingError as error:
        raise PromotionRefused(Reason.FolderUnusable, error.message) from error


def _own(environment: Environment, name: str) -> Iterator[Manifest]:
    """The files of the folder with this model alone."""
    for file in _files(environment):
        documents = usable(lambda file=file: load_all(read(file), file))  # type: ignore[misc]
        ours = [each for each in documents if _is_model(each, name)]
        if ours and len(documents) > 1:
            raise _refused(
                f"{file} has {len(documents)} documents, and one of them is {name}. Move it to a file of its own."
            )
        yield from (Manifest(file=file, content=each) for each in ours)


def _below(environment: Environment, name: str, depth: int) -> Iterator[Manifest]:
    for entry in (*_list(environment, "resources"), *_list(environment, "bases")):
        folder = environment.folder / str(entry)
        if depth and folder.is_dir() and any((folder / each).is_file() for each in NAMES):
            base = read_environment(folder)
            for file in _files(base):
                documents = usable(lambda file=file: load_all(read(file), file))  # type: ignore[misc]
                yield from (Manifest(file=file, content=each) for each in documents if _is_model(each, name))
            yield from _below(base, name, depth - 1)


def _files(environment: Environment) -> Iterator[Path]:
    patches = [patch.get("path") for patch in _patches(environment)]
    named = (*_list(environment, "resources"), *_list(environment, "patchesStrategicMerge"), *patches)
    for entry in dict.fromkeys(str(each) for each in named if each):
        # What is no file is a folder, an address, or a patch written in place.
        if "\n" not in entry and (file := environment.folder / entry).is_file():
            yield file


def _written_inline(environment: Environment, name: str) -> Iterator[str]:
    """Return the places of bento and checks that patches in the kustomization itself change."""
    for patch in _patches(environment):
        if not isinstance(text := patch.get("patch"), str):
            continue
        target = patch.get("target") or {}
        for each in usable(lambda text=text: load_all(text, environment.file)):  # type: ignore[misc]
            if _is_model(each, name) and "bento" in (each.get("spec") or {}):
                yield "spec.bento"
            of_model = target.get("kind") == naming.KIND and target.get("name", name) == name
            for operation in each if isinstance(each, list) and of_model else ():
                if str(operation.get("path", "")).startswith(("/spec/bento", "/spec/rollout/verify")):
                    yield str(operation["path"])


def _patches(environment: Environment) -> Iterator[Mapping[str, Any]]:
    return (each for each in _list(environment, "patches") if isinstance(each, Mapping))


def _list(environment: Environment, field: str) -> list[Any]:
    found = environment.content.get(field) or []
    if not isinstance(found, list):
        raise _refused(f"{field} of {environment.file} is no list. Correct it, then try again.")
    return found


def _is_model(document: Any, name: str) -> bool:
    return (
        isinstance(document, Mapping)
        and document.get("kind") == naming.KIND
        and (document.get("metadata") or {}).get("name") == name
    )


def _refused(message: str) -> PromotionRefused:
    return PromotionRefused(Reason.FolderUnusable, message)
