"""Locks and installs Python packages. The only module that calls uv."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2i.packaging.errors import ErrorReason, PackagingError

TIMEOUT = 1800
UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
LOCK_OPTIONS = ("--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate")


def compile_lock(lines: Sequence[str], constraints: Mapping[str, str]) -> str:
    """Return every package that `lines` need, in one version with its hashes, for Linux and this Python; LockFailed.

    `constraints` are versions to be taken if the package is needed at all.
    """
    python = ".".join(platform.python_version_tuple()[:2])
    with tempfile.TemporaryDirectory(prefix="e2i-lock-") as folder:
        limits = Path(folder, "constraints.txt")
        limits.write_text("".join(f"{name}=={version}\n" for name, version in constraints.items()))
        argv = [
            "pip",
            "compile",
            "-",
            "--quiet",
            *LOCK_OPTIONS,
            "--python-version",
            python,
            "--constraint",
            str(limits),
        ]
        if sys.platform != "linux":
            # Bentos run in images of Linux, wherever they are made.
            argv += ["--python-platform", "linux"]
        completed = _uv(argv, "\n".join(lines))
    if completed.returncode:
        raise PackagingError(
            ErrorReason.LockFailed,
            f"The requirements cannot be locked: {_uv_message(completed.stderr)}. "
            "Correct requirements.txt, or make the package index reachable.",
        )
    return completed.stdout


def install_lock(lock: str, folder: Path) -> Path:
    """Return the interpreter of a virtual environment with exactly the locked packages, made below `folder` once.

    It is made under another name and renamed when it is whole, so that an interrupted one is not believed.
    """
    name = hashlib.sha256(f"{platform.python_version()}\0{lock}".encode()).hexdigest()[:32]
    venv = folder / name
    if (venv / "bin" / "python").exists():
        return venv / "bin" / "python"
    folder.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=folder))
    try:
        (partial / "lock.txt").write_text(lock)
        python = partial / "venv" / "bin" / "python"
        base = os.path.realpath(sys.executable)
        _install(["venv", "--relocatable", "--no-project", "--python", base, str(partial / "venv")])
        _install(["pip", "install", "--python", str(python), "--requirement", str(partial / "lock.txt")])
        try:
            (partial / "venv").rename(venv)
        except OSError:
            # Another packaging was quicker with the same one.
            if not (venv / "bin" / "python").exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return venv / "bin" / "python"


def _install(argv: list[str]) -> None:
    completed = _uv(argv)
    if completed.returncode:
        raise PackagingError(
            ErrorReason.LockFailed,
            f"The locked packages cannot be installed: {_uv_message(completed.stderr)}. "
            "Correct requirements.txt, or make the package index reachable.",
        )


def _uv(argv: list[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [sys.executable, "-m", "uv", *argv],
            input=stdin,
            capture_output=True,
            text=True,
            env=_uv_environment(os.environ),
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PackagingError(
            ErrorReason.LockFailed,
            f"`uv {' '.join(argv[:2])}` took more than {TIMEOUT} s. Look at the package index.",
        ) from error


def _uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of uv: quiet, and with pip's index if uv has none of its own."""
    settings = {**environment, "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    # Set by whoever started us, and not the environment that is meant.
    settings.pop("VIRTUAL_ENV", None)
    if "PIP_INDEX_URL" in environment and not any(name in environment for name in UV_INDEX):
        settings["UV_DEFAULT_INDEX"] = environment["PIP_INDEX_URL"]
    return settings


def _uv_message(stderr: str) -> str:
    """Return the message of uv in one line, without the marks that it draws."""
    words = " ".join(stderr.encode("ascii", "ignore").decode().split())
    return words[:600].rstrip(".") or "uv says nothing"
