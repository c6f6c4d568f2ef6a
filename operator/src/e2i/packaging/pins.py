"""Reads requirements.txt: what a model needs at serving time, each in exactly one version. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from e2i.packaging.errors import ErrorReason, PackagingError

_HASHES = re.compile(r"\s--hash=sha\d+:[0-9a-f]+")
_COMMENT = re.compile(r"(^|\s)#.*$")
HOW = "Write it as name==version"


@dataclass(frozen=True)
class Pin:
    """One package in one version; `name` in its normal form, `line` as it was written without hashes."""

    name: str
    version: str
    line: str


def parse_pins(text: str, file: str, environment: Mapping[str, str]) -> tuple[Pin, ...]:
    """Return the pins that hold in `environment` (markers: python_full_version and so on); PackagingError otherwise.

    "scikit-learn==1.9.1\\n" -> (Pin("scikit-learn", "1.9.1", "scikit-learn==1.9.1"),)
    """
    pins: dict[str, Pin] = {}
    for line in _lines(text):
        requirement = _requirement(line, file)
        if requirement.marker and not requirement.marker.evaluate(dict(environment)):
            continue
        name = canonicalize_name(requirement.name)
        pin = Pin(name, _exact_version(requirement, line, file), line)
        if name in pins and pins[name].version != pin.version:
            raise PackagingError(
                ErrorReason.DependencyNotPinned,
                f"{file} names {name} twice, in versions {pins[name].version} and {pin.version}. Keep one.",
            )
        pins[name] = pin
    return tuple(pins.values())


def locked_versions(lock: str) -> dict[str, str]:
    """Return the version of each package in a lock that uv wrote, by its normal name."""
    found = re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def differences(wanted: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Packages of which both speak, in different versions: ["numpy 2.4.6, not 2.5.5"]."""
    return [
        f"{name} {wanted[name]}, not {other[name]}"
        for name in sorted(wanted.keys() & other.keys())
        if wanted[name] != other[name]
    ]


def _lines(text: str) -> Iterator[str]:
    """Yield the requirements: without comments and hashes, continued lines joined."""
    for raw in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        line = _HASHES.sub("", _COMMENT.sub("", raw)).strip()
        if line:
            yield line


def _requirement(line: str, file: str) -> Requirement:
    if line.startswith("-"):
        raise PackagingError(
            ErrorReason.DependencyNotPinned,
            f"{file} has the line {line!r}, an option that leads elsewhere. Write the packages themselves, each "
            "as name==version; an index is a setting of uv or pip, not of a model.",
        )
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        raise PackagingError(
            ErrorReason.DependencyNotPinned, f"{file} has {line!r}, which is no requirement by name. {HOW}."
        ) from error
    if requirement.url and requirement.url.startswith("file:"):
        raise PackagingError(
            ErrorReason.DependencyNotPinned,
            f"{file} takes {requirement.name} from {requirement.url}, a path of the machine that built the package; "
            "`pip freeze` writes this in a conda environment. Write the versions instead: "
            f"`pip list --format=freeze > {file}`.",
        )
    if requirement.url:
        raise PackagingError(
            ErrorReason.DependencyNotPinned,
            f"{file} takes {requirement.name} from {requirement.url}, whose content may change. "
            f"Publish it to your package index, then pin it: {requirement.name}==version.",
        )
    return requirement


def _exact_version(requirement: Requirement, line: str, file: str) -> str:
    specifiers = list(requirement.specifier)
    if len(specifiers) == 1 and specifiers[0].operator == "==" and "*" not in specifiers[0].version:
        return specifiers[0].version
    raise PackagingError(
        ErrorReason.DependencyNotPinned,
        f"{file} has {line!r}, which may be another version tomorrow. {HOW}; "
        f"`pip freeze` in the environment of the training prints them.",
    )
