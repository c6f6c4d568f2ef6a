"""Bentos that tests need, built once for each content: every later test, and every later run, takes a copy.

A build takes 8 to 40 s and depends on nothing but its sources and the installed packages. The cache is keyed by both,
so a changed line or package builds again. Delete the folder CACHE to build everything again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BENTOS = PROJECT / "bentos"
SOURCES = PROJECT / "operator" / "src"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "e2i-tests" / "bentos"
MAX_ENTRIES = 40
BUILD_SECONDS = 600


def build_once(name: str, sources: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """Return a folder that `build` has filled, in this run or an earlier one. Never change it: copy it.

    `sources` are the files and folders on which the result depends. A failed build leaves nothing.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    built = CACHE / f"{name.replace(':', '-')}-{_key(sources)[:24]}"
    with _locked(built.with_name(f".{built.name}.lock")):
        if built.is_dir():
            os.utime(built)
            return built
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=CACHE))
        try:
            build(partial)
            partial.rename(built)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    _remove_oldest()
    return built


def put_sample(store: Path, name: str, version: str = "1.0.0") -> None:
    """Put the bento that bentos/build.py makes of bentos/NAME, with its model, into the BentoML home `store`."""

    def build(folder: Path) -> None:
        command = [
            sys.executable,
            str(BENTOS / "build.py"),
            name,
            "--version",
            version,
            "--store",
            str(folder),
        ]
        completed = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
        assert completed.returncode == 0, completed.stderr

    sources = [BENTOS / name, BENTOS / "build.py", PROJECT / "requirements.lock"]
    copy_store(build_once(f"{name}:{version}", sources, build), store)


def copy_store(source: Path, target: Path) -> None:
    """Add the bentos and models of the BentoML home `source` to `target`."""
    for part in ("bentos", "models"):
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)


def _key(sources: Iterable[Path]) -> str:
    digest = hashlib.sha256(_environment().encode())
    for source in sources:
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(source.parent)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _environment() -> str:
    """Everything besides the sources that a build depends on: Python and the installed packages."""
    installed = {f"{each.metadata['Name']}=={each.version}" for each in metadata.distributions()}
    return "\n".join([platform.python_version(), *sorted(installed)])


def _remove_oldest() -> None:
    """Keep the MAX_ENTRIES entries that were used last."""
    entries = [entry for entry in CACHE.iterdir() if not entry.name.startswith(".")]
    for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime)[:-MAX_ENTRIES]:
        with _locked(entry.with_name(f".{entry.name}.lock")):
            shutil.rmtree(entry, ignore_errors=True)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
