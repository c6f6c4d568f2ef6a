"""The programs that the cluster runs and no package brings: built once from locked Go modules, then cached.

A tool lies in `<cache>/tools/<digest of its module and flags>/`, so a changed module is built beside the old one.
It appears there whole or not at all; of several callers one builds and the others wait for it.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2i.local.components import Tools
from e2i.local.errors import ClusterFault
from e2i.local.go_build import compile_module
from e2i.local.golang import Go, find_go
from e2i.local.layout import cache_root
from e2i.local.locks import alone

KUBERNETES_VERSION = "v1.36.3"
DISK_FOR_A_BUILD = 5 * 1024**3


@dataclass(frozen=True)
class Module:
    """One program and how it is built; its go.mod and go.sum lie in the package, in a folder of its name."""

    name: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    """Strings that the linker sets."""

    @property
    def folder(self) -> Path:
        return Path(__file__).parent / self.name

    @property
    def linker_flags(self) -> str:
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.variables)])

    @property
    def digest(self) -> str:
        """Over everything that decides the program. Not over the compiler's version: a newer one is no reason
        to make somebody wait for minutes."""
        digest = hashlib.sha256(f"{platform.machine()}\n{self.package}\n{self.linker_flags}\n".encode())
        for file in sorted(self.folder.iterdir()):
            digest.update(f"{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
        return digest.hexdigest()[:16]


def _kubernetes_version() -> tuple[tuple[str, str], ...]:
    # Without these the server gives a version that clients cannot parse.
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple((f"{package}.{name}", value) for package in packages for name, value in values.items())


CONTROLPLANE = Module("controlplane", ".", _kubernetes_version())
VERSITYGW = Module("versitygw", "github.com/versity/versitygw/cmd/versitygw")


def ensure_tools(say: Callable[[str], None]) -> Tools:
    """The built programs, from the cache or built now; ClusterFault when one cannot be built."""
    return Tools(controlplane=_ensure(CONTROLPLANE, say), versitygw=_ensure(VERSITYGW, say))


def expected_tools() -> Tools:
    """Where the programs are in the cache, or would be."""
    return Tools(controlplane=program_of(CONTROLPLANE), versitygw=program_of(VERSITYGW))


def program_of(module: Module) -> Path:
    """Where the cache has the program, or will have it."""
    return cache_root() / "tools" / module.digest / module.name


def _ensure(module: Module, say: Callable[[str], None]) -> Path:
    program = program_of(module)
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    waiting = "another command is building the tools: waiting for it"
    with alone(program.parent.parent / "lock", lambda: say(waiting)):
        if not program.exists():
            _build(module, program, find_go(say), say)
    return program


def _build(module: Module, program: Path, go: Go, say: Callable[[str], None]) -> None:
    free = shutil.disk_usage(program.parent).free
    if free < DISK_FOR_A_BUILD:
        raise ClusterFault(
            f"Building {module.name} needs 5 GiB, the disk of {program.parent} has {free / 1024**3:.1f} GiB left. "
            "Free some space, or set XDG_CACHE_HOME to a folder on another disk."
        )
    partial = program.with_suffix(".partial")
    say(f"building {module.name} from its Go module; this is needed once and takes minutes")
    compile_module(go, module.folder, module.package, module.linker_flags, partial, say)
    # Starting it once is the proof that it is whole.
    if subprocess.run([partial, "--help"], capture_output=True).returncode not in (0, 2):
        raise ClusterFault(
            f"{partial} was built but does not start. Run `e2i local reset --cache`, then try again."
        )
    partial.replace(program)
