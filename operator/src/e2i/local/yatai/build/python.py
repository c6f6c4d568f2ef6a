"""Choose the interpreter of a bento: the version that it asks for, if this machine has it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass

FIND_TIMEOUT = 30


@dataclass(frozen=True)
class Python:
    """An interpreter: its path and full version."""

    path: str
    version: str


def running_python() -> Python:
    # Not the link in a virtual environment: the same interpreter must have the same name everywhere.
    return Python(os.path.realpath(sys.executable), platform.python_version())


def choose_python(asked: str | None) -> tuple[Python, str]:
    """Return the interpreter, and one line for the log that says which and why.

    major.minor decides. Nothing is downloaded: without a match the running interpreter is used, with a warning.
    """
    running = running_python()
    if asked is None or minor_of(asked) == minor_of(running.version):
        return running, f"using Python {running.version}"
    if found := find_python(minor_of(asked)):
        return found, f"using Python {found.version}, because the bento asks for {asked}"
    warning = f"WARNING: the bento asks for Python {asked}, which is not installed; using {running.version}"
    return running, f"{warning}. Install Python {minor_of(asked)} if the server does not start"


def minor_of(version: str) -> str:
    """3.11.7 -> 3.11"""
    return ".".join(version.split(".")[:2])


def find_python(version: str) -> Python | None:
    """Return an installed interpreter of this version that uv finds, or None."""
    argv = [sys.executable, "-m", "uv", "python", "find", "--no-python-downloads", "--no-project", version]
    found = subprocess.run(argv, capture_output=True, text=True, timeout=FIND_TIMEOUT, check=False)
    path = found.stdout.strip()
    if found.returncode or not path:
        return None
    show = [path, "-c", "import platform; print(platform.python_version())"]
    shown = subprocess.run(show, capture_output=True, text=True, timeout=FIND_TIMEOUT, check=False)
    return None if shown.returncode else Python(path, shown.stdout.strip())
