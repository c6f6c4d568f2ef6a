"""Programs as the tests of this folder call them, and where the files they are given lie."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2i.local.go_build import compile_module
from e2i.local.golang import find_go
from e2i.local.locks import exclusive_lock
from e2i.local.toolchain import Module, program_of

PROJECT = Path(__file__).resolve().parents[2]
CHART = PROJECT / "charts" / "e2i-operator"


@dataclass(frozen=True)
class Program:
    """A program with arguments that always come first."""

    argv: tuple[str, ...]

    def tried(self, *arguments: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [*self.argv, *(str(argument) for argument in arguments)]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=300)

    def __call__(self, *arguments: object, given: str | None = None) -> str:
        done = self.tried(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout


class HelmModule(Module):
    """Its go.mod names the Kubernetes libraries of the control plane's version: Go need not download them twice."""

    @property
    def folder(self) -> Path:
        return Path(__file__).parent / "helm"


HELM = HelmModule("helm", "helm.sh/helm/v4/cmd/helm")


def built_helm(say: Callable[[str], None]) -> Path:
    """From the cache of the local cluster's tools, or built now."""
    program = program_of(HELM)
    program.parent.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(
        program.parent.parent / "lock", lambda: say("another command is building: waiting for it")
    ):
        if not program.exists():
            partial = program.with_suffix(".partial")
            say("building helm from its Go module; this is needed once and takes minutes")
            compile_module(find_go(say), HELM.folder, HELM.package, HELM.linker_flags, partial, say)
            partial.replace(program)
    return program


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
