"""The version of e2i. It has one place, e2i.__version__; the files below follow it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
PLACE = PROJECT / "operator" / "src" / "e2i" / "__init__.py"
# Both Python (PEP 440) and Helm (SemVer) read it: 0.2.0, and 0.2.0-dev0 while it is being made.
VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(?:-dev[0-9]+)?"
_ASSIGNED = re.compile(rf'(?<=^__version__ = "){VERSION}(?="$)', re.MULTILINE)
_CHART = re.compile(rf"(?<=^version: ){VERSION}$|(?<=^appVersion: ){VERSION}$", re.MULTILINE)
_OVERLAY = re.compile(rf"(?<=^    newTag: ){VERSION}$", re.MULTILINE)
_IMAGE = re.compile(rf"(?<=image: ghcr\.io/e2i-dev/e2i-operator:){VERSION}$", re.MULTILINE)
_PAGE = re.compile(rf'(?<=e2i-operator:){VERSION}\b|(?<=, tag: "){VERSION}(?=")')
FOLLOWERS = {
    "charts/e2i-operator/Chart.yaml": (_CHART, 2),
    "charts/e2i-operator-crds/Chart.yaml": (_CHART, 2),
    "docs/howto/install.md": (_PAGE, 5),
    "kustomize/overlays/dev/kustomization.yaml": (_OVERLAY, 1),
    "kustomize/overlays/production/kustomization.yaml": (_OVERLAY, 1),
    "kustomize/overlays/staging/kustomization.yaml": (_OVERLAY, 1),
    "manifests/deployment.yaml": (_IMAGE, 1),
    "manifests/gateway/deployment.yaml": (_IMAGE, 1),
}
"""By file: where the version stands in it, and how often."""


def version_of(source: str) -> str:
    """Return the version that the text of e2i/__init__.py assigns."""
    (found,) = _ASSIGNED.findall(source)
    return str(found)


def with_version(source: str, version: str) -> str:
    """Return the text of e2i/__init__.py with another version."""
    return _ASSIGNED.sub(version, source)


def is_release(version: str) -> bool:
    """Whether it is the version of a release, not of one that is being made."""
    return "-" not in version


def order(version: str) -> tuple[int, ...]:
    """Return the numbers by which releases are compared."""
    return tuple(int(number) for number in version.partition("-")[0].split("."))


def followers(version: str) -> Mapping[Path, str]:
    """Return the files that follow the version, with their texts."""
    texts: dict[Path, str] = {}
    for name, (pattern, times) in FOLLOWERS.items():
        text, found = pattern.subn(version, (PROJECT / name).read_text())
        assert found == times, f"{name} has the version {found} times, not {times}"
        texts[PROJECT / name] = text
    return texts
