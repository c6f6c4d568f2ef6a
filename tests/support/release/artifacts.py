"""Builds what a release consists of, from a clean copy of the commit: wheel, sdist, charts, SBOM and image."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.programs import HELM_3, HELM_4, Program, built
from support.release.version import PROJECT

import e2i

CHARTS = ("e2i-operator", "e2i-operator-crds")
TOOLS = Path(sys.executable).parent
IMAGE_TOOLS = ("buildah", "debootstrap")


class CannotBuild(Exception):
    """The message names the program that failed, and its last words."""


@dataclass(frozen=True)
class Tree:
    """The files of one commit, without anything else that lies around, and the time of that commit."""

    folder: Path
    commit: str
    epoch: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables with which everything is built: the commit's time stands for now."""
        return {**os.environ, "SOURCE_DATE_EPOCH": self.epoch, "TZ": "UTC", "PYTHONHASHSEED": "0"}

    def run(self, *command: object) -> str:
        return ran(*command, cwd=self.folder, environment=self.environment)


def ran(*command: object, cwd: Path = PROJECT, environment: Mapping[str, str] | None = None) -> str:
    """Run the program and return what it printed; CannotBuild if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = " ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise CannotBuild(f"{' '.join(words[:4])} ended with {done.returncode}: {last}")
    return done.stdout


def unpack(folder: Path, commit: str) -> Tree:
    """Return the tree of `commit` in a new folder. Files of it have the commit's time."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=PROJECT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder)  # noqa: S202 - our own commit
    return Tree(folder, commit, ran("git", "log", "-1", "--format=%ct", commit).strip())


def python_packages(tree: Tree, out: Path) -> None:
    """Build wheel and sdist into `out`."""
    for target in ("wheel", "sdist"):
        tree.run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out)


def wheel_of_sdist(tree: Tree, sdist: Path, folder: Path) -> Path:
    """Return the wheel that the sdist gives: who has only the sdist must get the same."""
    with tarfile.open(sdist) as tar:
        tar.extractall(folder)  # noqa: S202 - made just now
    (source,) = folder.iterdir()
    ran(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "out", cwd=source,
        environment=tree.environment)  # fmt: skip
    (made,) = (folder / "out").glob("*.whl")
    return made


def charts(tree: Tree, out: Path, say: Callable[[str], None]) -> None:
    """Package both charts into `out`."""
    helm = built(HELM_4, say)
    for name in CHARTS:
        tree.run(*helm.argv, "package", tree.folder / "charts" / name, "--destination", out)


def helms(say: Callable[[str], None]) -> tuple[Program, ...]:
    """Return both Helms of the tests, built from source if they are not there."""
    return tuple(built(module, say) for module in (HELM_4, HELM_3))


def environment(folder: Path, wheel: Path) -> Path:
    """Return the Python of a new environment with the wheel and the operator's locked dependencies."""
    ran(TOOLS / "uv", "venv", "--quiet", "--python", sys.executable, folder)
    install = (TOOLS / "uv", "pip", "install", "--quiet", "--python", folder / "bin" / "python")
    ran(*install, "--require-hashes", "-r", PROJECT / "operator" / "requirements.lock")
    # By its name: given as a file, its folder would be noted in the environment and get into the SBOM.
    ran(*install, "--no-deps", "--no-index", "--find-links", wheel.parent, f"e2i-operator=={e2i.__version__}")
    return folder / "bin" / "python"


def sbom(tree: Tree, python: Path, out: Path) -> Path:
    """Write the SBOM of the environment: what the operator consists of."""
    file = out / f"e2i-operator-{e2i.__version__}.cdx.json"
    made = (TOOLS / "cyclonedx-py", "environment", "--output-reproducible", "-o", file, python)
    tree.run(*made)
    return file


def missing_for_an_image() -> str:
    """Return what an image cannot be built without here, or nothing."""
    if os.geteuid() != 0:
        return "root"
    return ", ".join(name for name in IMAGE_TOOLS if shutil.which(name) is None)


def image(tree: Tree, name: str) -> str:
    """Build the operator's image and return its digest."""
    tree.run(
        "env",
        "BUILDER=buildah",
        f"REVISION={tree.commit}",
        tree.folder / "operator" / "image" / "build.sh",
        name,
    )
    return ran("buildah", "inspect", "--type=image", "--format", "{{.FromImageDigest}}", name).strip()
