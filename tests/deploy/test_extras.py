"""Every command without the extra that it needs, in an environment that has the base distribution only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from deploy.programs import PROJECT, Program

from e2i.cli import main
from e2i.cli.plugin import plugin

UV = Program((str(Path(sys.executable).parent / "uv"),))
SILENT = ("completion", "complete")
"""They need no extra."""


def leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every command below `command`, with a value for each argument and option that it requires."""
    if not isinstance(command, click.Group):
        yield (*words, *given(command))
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below
        yield from leaves(below, (*words, name))


def given(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            choices = getattr(parameter.type, "choices", None)
            yield str(choices[0]) if choices else "x"
        elif parameter.required:
            yield from (parameter.opts[0], "1.0.0")
        elif parameter.name == "file":
            yield from (parameter.opts[0], os.devnull)


COMMANDS = [*leaves(main, ("e2i",)), *leaves(plugin, ("kubectl-e2i",))]


def environment(folder: Path, wheel: Path, extra: str) -> Path:
    """Make an environment with the wheel and `extra`; returns its programs' folder."""
    UV("venv", "--quiet", "--python", sys.executable, folder)
    lock = PROJECT / "requirements.lock"
    UV("pip", "install", "--quiet", "--python", folder / "bin" / "python", "-c", lock, f"{wheel}{extra}")
    return folder / "bin"


@pytest.fixture(scope="session")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("base") / "venv", wheel, "")


@pytest.fixture(scope="session")
def kubectl_only(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("kubectl") / "venv", wheel, "[kubectl]")


def run(programs: Path, words: tuple[str, ...], home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [programs / words[0], *words[1:]],
        env={"PATH": f"{programs}:{os.defpath}", "HOME": str(home)},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_without_its_extra_names_it(base: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(base, words, tmp_path)
    if words[:3] == ("e2i", "gateway", "key"):
        assert (done.returncode, len(done.stdout.split())) == (0, 1)
        return
    if words[1] in SILENT:
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert done.returncode == (2 if words[0] == "kubectl-e2i" else 1)
    *_, last = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert last.startswith("Error: ")
    assert finds_another_fault(words) or last.endswith(f"pip install 'e2i-operator[{extra_of(words)}]'.")


def finds_another_fault(words: tuple[str, ...]) -> bool:
    """Whether it may end before it needs a package: no cluster, no model in the manifest, no backup."""
    return words[1] in ("plan", "restore") or (words[1] == "local" and words[2] != "up")


def extra_of(words: tuple[str, ...]) -> str:
    if words[0] == "kubectl-e2i":
        return "kubectl"
    if words[1:3] == ("pipeline", "demo"):
        return "pipeline,local"
    return {"demo": "local", "manifest": "package", "promote": "pipeline", "stack": "pipeline,local"}.get(
        words[1], words[1]
    )


@pytest.mark.parametrize("program", ["e2i", "kubectl-e2i"])
def test_help_needs_no_extra(base: Path, tmp_path: Path, program: str) -> None:
    done = run(base, (program, "--help"), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Commands:" in done.stdout


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "kubectl-e2i"], ids=" ".join)
def test_the_plugin_needs_the_extra_kubectl_alone(
    kubectl_only: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = run(kubectl_only, words, tmp_path)
    assert "Traceback" not in done.stderr
    assert "pip install" not in done.stderr


def test_every_module_of_the_plugin_is_imported_with_the_extra_kubectl_alone(
    kubectl_only: Path, tmp_path: Path
) -> None:
    """The commands above end before they need all of them: there is no cluster."""
    code = (
        "import importlib, pkgutil, e2i.cli.plugin, e2i.inspection, e2i.kube\n"
        "for package in (e2i.cli.plugin, e2i.inspection, e2i.kube):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
    )
    done = run(kubectl_only, ("python", "-c", code), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
