"""Finding the compiler and building the tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.local import toolchain
from e2i.local.errors import ClusterFault
from e2i.local.go_build import Progress
from e2i.local.golang import find_go, is_new_enough


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
    with pytest.raises(ClusterFault, match=r"not on PATH and could not be installed .* Check the network"):
        find_go(lambda line: None)
    assert not list(tmp_path.glob("**/*.partial"))


def test_progress_goes_from_downloads_to_packages() -> None:
    progress = Progress("tool")
    progress.hear("go: downloading example.org/module v1.0.0")
    assert progress.line(4) == "tool: 1 modules downloaded, 4 s"
    progress.expect(100)
    assert progress.line(60) == "tool: 100 packages to look at, 1 min 0 s"
    progress.hear("example.org/module/package")
    assert progress.line(83.9) == "tool: 1 of at most 100 packages compiled, 1 min 23 s"


def test_the_first_problem_is_the_one_to_tell() -> None:
    progress = Progress("tool")
    progress.hear("# example.org/module")
    progress.hear("main.go:3:1: syntax error")
    progress.hear("main.go:9:1: too many errors")
    assert progress.problem == "main.go:3:1: syntax error"


def test_a_build_does_not_start_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(toolchain, "DISK_FOR_A_BUILD", 2**60)
    with pytest.raises(ClusterFault, match=r"needs 5 GiB, the disk of .* Free some space"):
        toolchain.ensure_tools(lambda line: None)


def test_the_place_of_a_tool_depends_on_all_that_decides_it() -> None:
    one = toolchain.CONTROLPLANE
    other = toolchain.Module(one.name, one.package, (*one.variables, ("main.version", "2")))
    assert one.digest != other.digest
    assert one.digest == toolchain.Module(one.name, one.package, one.variables).digest


def test_the_version_that_the_server_says_is_the_one_that_is_built() -> None:
    lines = (toolchain.CONTROLPLANE.folder / "go.mod").read_text().splitlines()
    assert f"\tk8s.io/kubernetes {toolchain.KUBERNETES_VERSION}" in lines
