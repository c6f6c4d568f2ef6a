"""Programs as the tests of this folder call them, and where the files they are given lie."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2i.local.golang import find_go
from e2i.local.toolchain import Module, ensure_built, program_of

PROJECT = Path(__file__).resolve().parents[2]
CHART = PROJECT / "charts" / "e2i-operator"
CRD_CHART = PROJECT / "charts" / "e2i-operator-crds"


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


HELM_4 = Module("helm", "helm.sh/helm/v4/cmd/helm", beside=Path(__file__).parent)
HELM_3 = Module("helm3", "helm.sh/helm/v3/cmd/helm", beside=Path(__file__).parent)
"""Their go.mod name the Kubernetes libraries of the control plane's version: Go need not download them twice."""
KIND = Module("kind", "sigs.k8s.io/kind", beside=PROJECT / "tests" / "kind")


def built(module: Module, say: Callable[[str], None]) -> Program:
    """From the cache of the local cluster's tools, or built now."""
    ensure_built((module,), say)
    return Program((str(program_of(module)),))


def module_folder(module: str, digest: str, say: Callable[[str], None]) -> Path:
    """Return where Go keeps the files of a module, PATH@VERSION, downloaded if need be; `digest` as in a go.sum."""
    go = find_go(say)
    done = subprocess.run(
        [go.program, "mod", "download", "-json", module],
        cwd=Path(__file__).anchor,
        env=go.environment,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout or "{}")
    assert found.get("Sum") == digest, found.get("Error") or done.stderr or f"{module} is another"
    return Path(found["Dir"])


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
