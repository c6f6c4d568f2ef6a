"""Make the virtual environment of a bento from its locked requirements and wheels, once for all clusters.

The folder is named after its content, so the same requirements are installed once. It is made under
another name and renamed when it is complete. A lock keeps two builds of the same environment apart.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from e2i.local.yatai.build import BuildError
from e2i.local.yatai.build.bento import Bento
from e2i.local.yatai.build.lock import locked
from e2i.local.yatai.build.python import Python

INSTALL_TIMEOUT = 1800
UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
FROM_AN_INDEX = re.compile(r"\s*($|#|--|[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*([=<>!~;]|$))")
"""Matches a line that means the same wherever the bento lies: an option, or a package by name."""
WHEELS = "env/python/wheels"
"""Where a bento of the old layout keeps the wheels of `python.wheels`."""


def ensure_environment(
    contents: Path, bento: Bento, python: Python, folder: Path, say: Callable[[str], None]
) -> Path:
    """Return the environment of the bento in `contents`; install it below `folder` if it is not there yet.

    Index settings of the machine (uv's own files and variables) win over the index that the requirements
    name. BuildError if a requirement cannot be installed.
    """
    requirements, wheels = contents / bento.requirements, wheels_of(contents)
    extra = [bento.server] if bento.server else []
    venv = folder / digest_of("\n".join([requirements.read_text(), *extra]), python, contents)
    with locked(venv, say):
        if (venv / "bin" / "python").exists():
            say(f"using the environment made before, {venv}")
            return venv
        partial = venv.with_name(f"{venv.name}.partial")
        for leftover in (venv, partial):
            shutil.rmtree(leftover, ignore_errors=True)
        say(f"installing {bento.requirements} into {venv}")
        run_uv(["venv", "--relocatable", "--no-project", "--python", python.path, str(partial)], contents)
        interpreter = partial / "bin" / "python"
        # Compiled once here: otherwise every first start compiles while its probes wait.
        install = ["pip", "install", "--compile-bytecode", "--python", str(interpreter)]
        run_uv([*install, "--requirement", str(requirements), *extra], install_root(contents))
        if wheels:
            # After the requirements, as the bento's own install.sh does.
            say(f"installing {', '.join(Path(wheel).name for wheel in wheels)}")
            run_uv([*install, *wheels], install_root(contents))
        partial.rename(venv)
    return venv


def wheels_of(contents: Path) -> list[str]:
    """Return the paths of the wheels that the bento brings beside its requirements."""
    return sorted(str(wheel) for wheel in (contents / WHEELS).glob("*.whl"))


def digest_of(requirements: str, python: Python, contents: Path) -> str:
    """Return a digest of the requirements, the interpreter and, if the bento has any, its own packages."""
    parts = [requirements, python.path, python.version]
    if wheels_of(contents) or not all(FROM_AN_INDEX.match(line) for line in requirements.splitlines()):
        parts.append(contents.name)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def install_root(contents: Path) -> Path:
    """Return the folder that relative paths in requirements start from, as in the bento's own Dockerfile."""
    source = contents / "src"
    return source if source.is_dir() else contents / "env" / "python"


def run_uv(arguments: list[str], folder: Path) -> None:
    """Run uv with its output in this log; BuildError if it fails or takes too long."""
    argv = [sys.executable, "-m", "uv", *arguments]
    what = f"`uv {' '.join(arguments[:2])}`"
    sys.stdout.flush()
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=uv_settings(os.environ),
            stderr=subprocess.STDOUT,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{what} took more than {INSTALL_TIMEOUT} s; check the package index") from error
    if done.returncode:
        raise BuildError(
            f"{what} ended with {done.returncode}; the lines above say why: correct the requirements"
        )


def uv_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return uv's environment: quiet, and with pip's index if uv has no index of its own."""
    settings = {**environment, "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    # Not into the caller's own environment.
    settings.pop("VIRTUAL_ENV", None)
    if "PIP_INDEX_URL" in environment and not any(name in environment for name in UV_INDEX):
        settings["UV_DEFAULT_INDEX"] = environment["PIP_INDEX_URL"]
    return settings
