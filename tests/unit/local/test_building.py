"""Finding the compiler and building the tools."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from e2i.local import go_build, toolchain
from e2i.local.errors import ClusterError
from e2i.local.go_build import Progress, collector_settings, in_minutes
from e2i.local.golang import Go, find_go, is_new_enough
from e2i.local.kubernetes_versions import VERSIONS


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("go1.26", True),
        ("go1.26.8", True),
        ("go1.30rc1", True),
        ("go1.25.9", False),
        ("go1.9", False),
        ("devel", False),
        ("", False),
    ],
)
def test_which_compilers_are_new_enough(version: str, enough: bool) -> None:
    assert is_new_enough(version) is enough


def test_a_missing_compiler_that_cannot_be_had_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(ClusterError, match=r"not on PATH and could not be installed .* Check the network"):
        find_go(lambda line: None)
    assert not list(tmp_path.glob("**/*.partial"))


def test_progress_goes_from_downloads_over_packages_to_the_link() -> None:
    progress = Progress("tool")
    progress.read_line("go: downloading example.org/module v1.0.0")
    assert progress.line(4) == "tool: 1 module downloaded"
    progress.expect(100, 10.0)
    progress.read_line("example.org/module/package")
    assert progress.line(12) == "tool: 1 of 100 packages compiled"
    for _ in range(19):
        progress.read_line("example.org/module/package")
    assert progress.line(70) == "tool: 20 of 100 packages compiled, about 4 min left"
    for _ in range(80):
        progress.read_line("example.org/module/package")
    assert progress.line(300) == "tool: 100 packages compiled, linking"


@pytest.mark.parametrize(("seconds", "words"), [(1, "10 s"), (44, "40 s"), (58, "1 min"), (200, "3 min")])
def test_time_that_is_left_is_told_as_precisely_as_it_is_known(seconds: float, words: str) -> None:
    assert in_minutes(seconds) == words


def test_the_compilers_collector_is_off_only_where_memory_is_plenty() -> None:
    gib = 1024**3
    assert collector_settings(8 * gib, 2) == {"GOGC": "off", "GOMEMLIMIT": str(3 * gib)}
    assert collector_settings(2 * gib, 2) == {}


GO = """#!/bin/sh
if [ "$2" = -n ]; then
  for package in a b c; do printf '#\\n# example.org/%s\\n#\\ncompile\\n' $package >&2; done
else
  for package in a b c; do echo example.org/$package >&2; done
  echo "GOGC=$GOGC" > "$TOLD"; sleep 0.3
fi
"""
"""A compiler that has three packages ahead."""


def test_the_line_of_progress_counts_the_packages_that_are_really_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_build, "SHOW_EVERY", 0.01)
    program = tmp_path / "go"
    program.write_text(GO)
    program.chmod(0o755)
    go = Go(program, {**os.environ, "TOLD": str(tmp_path / "told")})
    shown: list[str] = []
    said: list[str] = []
    go_build.compile_module(go, tmp_path, ".", (), tmp_path / "out", said.append, shown.append)
    assert shown[-1] == f"{tmp_path.name}: 3 packages compiled, linking"
    assert said == []


def test_the_first_problem_is_the_one_to_tell() -> None:
    progress = Progress("tool")
    progress.read_line("# example.org/module")
    progress.read_line("main.go:3:1: syntax error")
    progress.read_line("main.go:9:1: too many errors")
    assert progress.problem == "main.go:3:1: syntax error"


def test_a_build_does_not_start_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(toolchain, "DISK_FOR_A_BUILD", 2**60)
    with pytest.raises(ClusterError, match=r"needs 5 GiB, the disk of .* Free some space"):
        toolchain.ensure_tools(lambda line: None)


def test_the_place_of_a_tool_depends_on_all_that_decides_it() -> None:
    one = toolchain.controlplane()
    other = toolchain.Module(one.name, one.package, (*one.variables, ("main.version", "2")))
    assert one.digest != other.digest
    assert one.digest == toolchain.Module(one.name, one.package, one.variables).digest


@pytest.mark.parametrize("kubernetes", VERSIONS)
def test_the_version_that_the_server_says_is_the_one_that_is_built(kubernetes: str) -> None:
    module = toolchain.controlplane(kubernetes)
    version = VERSIONS[kubernetes]
    assert ("k8s.io/component-base/version.gitVersion", version) in module.variables
    lines = (module.folder / module.modules).read_text().splitlines()
    assert f"\tk8s.io/kubernetes {version}" in lines
    assert f"\tk8s.io/apiserver => k8s.io/apiserver {version.replace('v1', 'v0')}" in lines


def test_modules_of_another_version_do_not_move_a_control_plane_that_was_built(tmp_path: Path) -> None:
    for file in ("go.mod", "go.sum", "main.go", "older.mod", "older.sum"):
        (tmp_path / file).write_text(file)
    newest = toolchain.Module("tool", ".", beside=tmp_path.parent, within=tmp_path.name)
    older = replace(newest, modules="older.mod")
    before, before_of_older = newest.digest, older.digest
    assert before != before_of_older
    (tmp_path / "older.sum").write_text("another")
    assert newest.digest == before
    assert older.digest != before_of_older
    assert "-modfile=older.mod" in older.flags


def test_metrics_server_is_built_from_the_modules_of_the_control_plane() -> None:
    """Otherwise Go compiles Kubernetes' packages a second time, for minutes."""
    first, second = (_versions(module) for module in (toolchain.controlplane(), toolchain.METRICSSERVER))
    shared = first.keys() & second.keys()
    assert len(shared) > 80
    assert {name: second[name] for name in shared} == {name: first[name] for name in shared}


def test_alertmanager_is_built_from_the_modules_of_prometheus() -> None:
    first, second = (_versions(module) for module in (toolchain.PROMETHEUS, toolchain.ALERTMANAGER))
    # Prometheus names it for some types, in a version whose module lacks the files of its pages.
    shared = (first.keys() & second.keys()) - {"github.com/prometheus/alertmanager"}
    assert len(shared) > 80
    assert {name: second[name] for name in shared} == {name: first[name] for name in shared}


def _versions(module: toolchain.Module) -> dict[str, str]:
    text = (module.folder / "go.mod").read_text()
    # A required module, or with its arrow a replaced one.
    found = re.findall(r"^\t(\S+) (v\S+)|^\t(\S+) => (.*)$", text, re.MULTILINE)
    return {name or f"{replaced} =>": version or target for name, version, replaced, target in found}
