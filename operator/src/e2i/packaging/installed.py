"""Looks up installed packages: their versions, and the package of a module."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def version_of(name: str) -> str | None:
    """Return the version of a distribution, None when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def distributions_of(modules: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the distributions that can provide each top-level module; without those of Python itself.

    {"sklearn.pipeline", "math"} -> {"sklearn": ("scikit-learn",)}
    """
    known = _providers()
    tops = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names
    return {
        top: tuple(sorted({canonicalize_name(name) for name in known.get(top, ())})) for top in sorted(tops)
    }


@cache
def _providers() -> Mapping[str, list[str]]:
    """Return the distributions of each module; reads a file of every one that is installed, which takes a second."""
    return metadata.packages_distributions()


def with_dependencies(names: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of these distributions and of all that they need here, without extras."""
    found: dict[str, str] = {}
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        version = version_of(name)
        if version is None or name in found:
            continue
        found[name] = version
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    return dict(sorted(found.items()))
