"""Build the cluster's programs, which no Python package has, once from locked Go modules, and cache them.

A tool is in `<cache>/tools/<digest of its module and flags>/`, so a changed module gets a folder of its own. A tool
appears there only when it is complete. If several commands need it, one builds it and the others wait.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from e2i.local.component import Tools
from e2i.local.errors import ClusterError
from e2i.local.go_build import Say, compile_module, downloading
from e2i.local.golang import Go, find_go
from e2i.local.kubernetes_versions import NEWEST, VERSIONS
from e2i.local.layout import cache_root
from e2i.local.locks import exclusive_lock

DISK_FOR_A_BUILD = 5 * 1024**3


@dataclass(frozen=True)
class Module:
    """One program and how to build it; its go.mod and go.sum are in a folder with its name."""

    name: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    """Strings that the linker sets."""
    beside: Path = Path(__file__).parent
    """Where that folder is."""
    within: str = ""
    """That folder's name, if several programs share it."""
    tags: str = ""
    """Build tags, with commas between."""
    modules: str = "go.mod"
    """The file in that folder that locks the modules; beside it is one with their sums."""

    @property
    def folder(self) -> Path:
        return self.beside / (self.within or self.name)

    @property
    def linker_flags(self) -> str:
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.variables)])

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of the compiler that are its own."""
        tags = (f"-tags={self.tags}",) if self.tags else ()
        modules = (f"-modfile={self.modules}",) if self.modules != "go.mod" else ()
        return (f"-ldflags={self.linker_flags}", *tags, *modules)

    @property
    def digest(self) -> str:
        """The digest of everything that changes what the program does.

        The compiler's version and settings that only make the build faster do not count: a change of these is not
        worth a build of some minutes.
        """
        digest = hashlib.sha256(f"{platform.machine()}\n{self.package}\n{self.linker_flags}\n".encode())
        digest.update(self.tags.encode())
        own = (self.modules, str(Path(self.modules).with_suffix(".sum")))
        for file in sorted(self.folder.iterdir()):
            if file.suffix in (".mod", ".sum") and file.name not in own:
                continue
            digest.update(f"{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
        return digest.hexdigest()[:16]


def controlplane(kubernetes: str = NEWEST) -> Module:
    """Return the control plane of this version; all are built from one program, each with modules of its own."""
    version = VERSIONS[kubernetes]
    # Without these values the server reports a version that clients cannot parse.
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    variables = tuple((f"{package}.{name}", value) for package in packages for name, value in values.items())
    modules = "go.mod" if kubernetes == NEWEST else f"kubernetes-{kubernetes}.mod"
    return Module("controlplane", ".", variables, modules=modules)


VERSITYGW = Module("versitygw", "github.com/versity/versitygw/cmd/versitygw")
_PROMETHEUS = "github.com/prometheus/prometheus/cmd"
# To find what to scrape only the way of Kubernetes: the others are most of what Prometheus is made of.
_SOURCES = "remove_all_sd,enable_kubernetes_sd"
PROMETHEUS = Module("prometheus", f"{_PROMETHEUS}/prometheus", within="monitoring", tags=_SOURCES)
PROMTOOL = Module("promtool", f"{_PROMETHEUS}/promtool", within="monitoring", tags=_SOURCES)
_ALERTMANAGER = "github.com/prometheus/alertmanager/cmd/alertmanager"
ALERTMANAGER = Module("alertmanager", _ALERTMANAGER)
"""The last version whose module has the files of its pages; of the libraries it has the versions of Prometheus."""
METRICSSERVER = Module("metricsserver", ".")
"""Its go.mod has the versions of the control plane, so that Go need not compile Kubernetes' packages again."""


def ensure_tools(
    say: Say, show: Say | None = None, *, metrics: bool = False, kubernetes: str = NEWEST
) -> Tools:
    """Return the cluster's programs, from the cache or built now; ClusterError if one cannot be built.

    `show` gets the progress of a build as one line that replaces the one before it. metrics-server is built only with
    `metrics`, and last: it is quick after the control plane, and minutes before it.
    """
    modules = (controlplane(kubernetes), VERSITYGW, *([METRICSSERVER] if metrics else []))
    ensure_built(modules, say, show)
    return expected_tools(kubernetes)


def ensure_built(modules: Iterable[Module], say: Say, show: Say | None = None) -> None:
    """Build the programs that the cache does not have; ClusterError if one cannot be built."""
    missing = [module for module in modules if not program_of(module).exists()]
    if missing:
        lock = cache_root() / "tools" / "lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(lock, lambda: say("another command is building the tools: waiting for it")):
            _build_missing(missing, say, show)


def expected_tools(kubernetes: str) -> Tools:
    """Return where the programs are in the cache, or will be."""
    return Tools(
        controlplane=program_of(controlplane(kubernetes)),
        versitygw=program_of(VERSITYGW),
        metricsserver=program_of(METRICSSERVER),
    )


def program_of(module: Module) -> Path:
    """Return where the cache has the program, or will have it."""
    return cache_root() / "tools" / module.digest / module.name


def _build_missing(modules: list[Module], say: Say, show: Say | None) -> None:
    """Build the modules that are still missing, one after the other, and download the next one meanwhile.

    Two builds at the same time would both compile the packages that they share.
    """
    modules = [module for module in modules if not program_of(module).exists()]
    if not modules:
        return
    go = find_go(say)
    say(f"building {' and '.join(module.name for module in modules)}; this is needed once and takes minutes")
    for module, following in zip(modules, [*modules[1:], None], strict=True):
        with downloading(go, following.folder, following.package) if following else nullcontext():
            _build(module, go, say, show)


def _build(module: Module, go: Go, say: Say, show: Say | None) -> None:
    program = program_of(module)
    program.parent.mkdir(exist_ok=True)
    free = shutil.disk_usage(program.parent).free
    if free < DISK_FOR_A_BUILD:
        raise ClusterError(
            f"Building {module.name} needs 5 GiB, the disk of {program.parent} has {free / 1024**3:.1f} GiB left. "
            "Free some space, or set XDG_CACHE_HOME to a folder on another disk."
        )
    partial, started = program.with_suffix(".partial"), time.monotonic()
    compile_module(go, module.folder, module.package, module.flags, partial, say, show)
    # Start it once, to know that it is complete.
    if subprocess.run([partial, "--help"], capture_output=True).returncode not in (0, 2):
        raise ClusterError(
            f"{partial} was built but does not start. Run `e2i local reset --cache`, then try again."
        )
    partial.replace(program)
    say(f"{module.name} is built in {time.monotonic() - started:.0f} s")
