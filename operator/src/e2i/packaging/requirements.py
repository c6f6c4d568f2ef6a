"""Locks what a bento installs: the pins of its models, the needs of the library inside it, and BentoML.

The lock stays beside the model, so that a second packaging installs the same, whatever was published since.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.installed import version_of, with_dependencies
from e2i.packaging.locking import compile_lock
from e2i.packaging.pins import Pin, locked_versions
from e2i.packaging.trained_folder import TrainedFolder
from e2i_bento.card import Card

BENTOML = "bentoml"
SHAP = "shap"
"""Explains predictions; with what it needs some 200 MB, so a bento can do without."""


def needed_lines(trained: Sequence[TrainedFolder], service: Iterable[Pin], explain: bool) -> list[str]:
    """Return the requirements of the bento: each package once. PackagingError if two models pin different versions."""
    pins: dict[str, tuple[Pin, str]] = {}
    for pin, owner in _pins_with_owners(trained, service):
        other, first = pins.setdefault(pin.name, (pin, owner))
        if other.version != pin.version:
            raise PackagingError(
                ErrorReason.PinnedDifferently,
                f"{first} pins {pin.name} {other.version}, and {owner} {pin.version}; one process has one version. "
                "Train both with the same, or serve them from two bentos.",
            )
    _check_bentoml(pins)
    lines = [pin.line for pin, _ in pins.values()]
    added = {BENTOML, *({SHAP} if explain else set())}
    for name in sorted(added.union(*(library_needs(each.card) for each in trained))):
        if name not in pins:
            lines.append(f"{name}=={version_of(name)}" if version_of(name) else name)
    return lines


def _check_bentoml(pins: Mapping[str, tuple[Pin, str]]) -> None:
    """PackagingError if another BentoML is pinned than the one that builds the bento, which also serves it."""
    if BENTOML in pins and pins[BENTOML][0].version != version_of(BENTOML):
        pin, owner = pins[BENTOML]
        raise PackagingError(
            ErrorReason.PinnedDifferently,
            f"{owner} pins bentoml {pin.version}, and the bento is built by {version_of(BENTOML)}. Leave the line out.",
        )


def library_needs(card: Card) -> set[str]:
    """Return the packages that e2i_bento imports to serve this model, besides those that BentoML brings."""
    format_needs = {"joblib"} if card.model.format == "joblib" else set()
    return {"numpy", *format_needs, *({"pandas"} if card.rows_as == "frame" else set())}


def lock(trained: Sequence[TrainedFolder], service: Iterable[Pin], explain: bool, file: Path) -> str:
    """Return the lock in `file`; make and write it again if its inputs have changed."""
    lines = needed_lines(trained, service, explain)
    trained_versions = training_versions(trained)
    header = _lock_header(lines, trained_versions)
    if file.is_file() and file.read_text().startswith(header):
        return file.read_text()
    # With what is installed here the bento can be tried here; it is only a wish, unlike the training's versions.
    preferred = with_dependencies([BENTOML, SHAP]) | trained_versions
    try:
        text = header + compile_lock(lines, preferred)
    except PackagingError:
        text = header + compile_lock(lines, trained_versions)
    # A name of its own, for another packaging may write the same lock meanwhile.
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(file)
    return text


def training_versions(trained: Sequence[TrainedFolder]) -> dict[str, str]:
    """Return the versions that the models were trained with; PackagingError if two were trained with different ones."""
    trained_versions: dict[str, tuple[str, str]] = {}
    for each in trained:
        for name, version in each.card.lineage.packages.items():
            other, owner = trained_versions.setdefault(name, (version, each.card.name))
            if other != version:
                raise PackagingError(
                    ErrorReason.PinnedDifferently,
                    f"{owner} was trained with {name} {other}, and {each.card.name} with {version}. "
                    "Train both with the same, or serve them from two bentos.",
                )
    return {name: version for name, (version, _) in sorted(trained_versions.items())}


def is_installed_here(text: str) -> bool:
    """Whether every locked package is installed here in its version: then a trial needs no environment of its own."""
    return all(version_of(name) == version for name, version in locked_versions(text).items())


def without_hashes(text: str) -> str:
    """Return the lock as plain pins, for people; without BentoML, which it adds itself."""
    return "".join(
        f"{name}=={version}\n" for name, version in sorted(locked_versions(text).items()) if name != BENTOML
    )


def _pins_with_owners(trained: Sequence[TrainedFolder], service: Iterable[Pin]) -> Iterable[tuple[Pin, str]]:
    yield from ((pin, "the service") for pin in service)
    yield from ((pin, each.card.name) for each in trained for pin in each.pins)


def _lock_header(lines: Sequence[str], trained_versions: Mapping[str, str]) -> str:
    """Return the first line of a lock: the same as long as nothing changed that it follows from."""
    python = ".".join(platform.python_version_tuple()[:2])
    text = "\n".join(
        [*sorted(lines), *(f"{name}=={version}" for name, version in trained_versions.items()), python]
    )
    return f"# Locked by e2i from sha256:{hashlib.sha256(text.encode()).hexdigest()} for Python {python}\n"
