"""Checks that requirements.txt has the packages that a pickled model refers to, in the versions that wrote it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.installed import distributions_of, version_of, with_dependencies
from e2i.packaging.pins import Pin, differences

CODE = "code"
REQUIREMENTS = "requirements.txt"


def needed_modules(named: Iterable[str], model_format: str, code: Iterable[Path]) -> frozenset[str]:
    """Return the modules that loading a model imports: those that its pickle names, and what its own modules import at
    their top. `form` is the card's model.format."""
    needed = {*named, *(["xgboost"] if model_format == "xgboost" else [])}
    tops = {module.partition(".")[0] for module in needed}
    files = list(code)
    if tops & {file.stem for file in files}:
        for file in files:
            needed.update(_imported(file))
    return frozenset(needed)


def check_late_imports(name: str, code: Sequence[Path], pins: Iterable[Pin]) -> None:
    """Raise PackagingError if `code` imports inside of a function what the pins lack; call it once the model has
    answered, because what answering did not import is not needed."""
    found = {module for file in code for module in _imports(ast.walk(_parsed(file)))}
    used = {module for module in found if module.partition(".")[0] in sys.modules}
    check_modules(name, used, pins, (file.stem for file in code))


def _imported(file: Path) -> Iterable[str]:
    return _imports(_parsed(file).body)


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=file.name)
    except (SyntaxError, ValueError) as error:
        raise PackagingError(
            ErrorReason.CodeMissing, f"{file} is no Python that can be read: {error}. Correct it."
        ) from error


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def check_pins(name: str, trained_with: Mapping[str, str], pins: Iterable[Pin]) -> None:
    """Raise PackagingError if a package is pinned to another version than the model `name` was trained with."""
    wrong = differences({pin.name: pin.version for pin in pins}, normalize_names(trained_with))
    if wrong:
        raise PackagingError(
            ErrorReason.PinnedDifferently,
            f"{REQUIREMENTS} of {name} pins {'; '.join(wrong)} as it was trained with. "
            "A pickled model is only safe with the versions that wrote it: pin those, or train again.",
        )


def check_python(name: str, trained_with: str, here: str) -> None:
    """Raise PackagingError if the model was trained with another minor version of Python; the bento gets the one of
    here."""
    if trained_with and trained_with.split(".")[:2] != here.split(".")[:2]:
        raise PackagingError(
            ErrorReason.PinnedDifferently,
            f"The model {name} was trained with Python {trained_with}, and the bento would run with {here}. "
            "Package it with the Python of the training, or train again.",
        )


def check_modules(name: str, modules: Iterable[str], pins: Iterable[Pin], own: Iterable[str]) -> None:
    """Raise PackagingError if the model `name` needs a module that neither the pins nor its own files `own` provide."""
    known = {pin.name for pin in pins}
    provided = known | with_dependencies(known).keys()
    files = set(own)
    missing: dict[str, str] = {}
    for top, distributions in distributions_of(modules).items():
        if top in files:
            continue
        if top == "__main__":
            raise PackagingError(
                ErrorReason.ModelNeedsMain,
                f"The model {name} refers to something of the program that trained it (__main__). Move it into a "
                "module of its own, train again, and give the module with --code.",
            )
        if not distributions:
            raise PackagingError(
                ErrorReason.CodeMissing,
                f"The model {name} refers to the module {top}, which is of no installed package and not in {CODE}/. "
                f"Give {top}.py with --code.",
            )
        if not provided & set(distributions):
            missing[distributions[0]] = top
    if missing:
        raise _missing_packages(name, missing)


def _missing_packages(name: str, missing: Mapping[str, str]) -> PackagingError:
    """Return the refusal for distributions that no pin brings; those that another one of them brings need no line."""
    needed = {other for each in missing for other in with_dependencies([each]) if other != each}
    lines = [f"{each}=={version_of(each)}" for each in missing if each not in needed]
    return PackagingError(
        ErrorReason.PackageMissing,
        f"The model {name} imports {', '.join(sorted(missing.values()))}, which {REQUIREMENTS} does not have. "
        f"Add {' and '.join(lines)}.",
    )


def normalize_names(packages: Mapping[str, str]) -> dict[str, str]:
    return {str(canonicalize_name(name)): version for name, version in packages.items()}
