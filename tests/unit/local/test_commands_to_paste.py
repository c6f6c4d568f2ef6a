"""Commands in messages can be pasted, whatever the folders are called, and a failure is told with its cause."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from e2i.cli import demo, package
from e2i.local import supervision
from e2i.local.errors import ClusterError
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome, save_home
from e2i.packaging.package import Packaged
from e2i.stack.bento_builds import Builder
from e2i.stack.errors import StackError

ODD = "my café"
REFUSES = """#!/bin/sh
echo 'Error: pods "a" is forbidden' >&2
echo 'Error: services "b" is invalid' >&2
exit 1
"""


def a_program(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def command_in(text: str) -> list[str]:
    return shlex.split(text.split("`")[1])


def test_a_kubectl_that_fails_is_shown_with_all_it_said(tmp_path: Path) -> None:
    home = ClusterHome("e2i", 7, tmp_path)
    a_program(home.kubectl, REFUSES)
    with pytest.raises(ClusterError) as failed:
        kubectl(home, "apply", f"--filename={ODD}/all.yaml")
    assert command_in(str(failed.value)) == ["kubectl", "apply", f"--filename={ODD}/all.yaml"]
    for line in ('pods "a" is forbidden', 'services "b" is invalid'):
        assert line in str(failed.value)


def test_a_build_of_the_stack_that_fails_is_shown_as_one_would_type_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(a_program(tmp_path / "e2i", REFUSES).with_name("python")))
    with pytest.raises(StackError, match=r'pods "a" is forbidden') as failed:
        Builder(tmp_path, tmp_path / ODD, print).manifest("churn", "churn:1", "models")
    assert command_in(str(failed.value))[-2:] == ["--store", str(tmp_path / ODD)]


def test_the_next_command_of_a_packaging_names_its_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Packaged("churn:1", "sha256:0", 1, tmp_path / ODD, ("churn:1",), True, None)
    package._say_what_next(done, tmp_path / ODD)
    command = capsys.readouterr().out.partition("Next:")[2].partition(" | ")[0]
    assert shlex.split(command) == ["e2i", "manifest", "churn:1", "--store", str(tmp_path / ODD)]


@pytest.mark.parametrize("runs", [True, False])
def test_an_interrupt_of_the_demo_says_what_still_runs(
    runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    save_home(ClusterHome("e2i", 7, tmp_path / "e2i" / "e2i"))
    monkeypatch.setattr(supervision, "running", lambda *_: object() if runs else None)
    monkeypatch.setattr(demo, "run_chapters", interrupted)
    ended = CliRunner().invoke(demo.demo, [])
    assert ended.exit_code == 130
    assert ("The cluster e2i goes on running" in ended.stderr) is runs
    assert ("e2i local down" in ended.stderr) is runs
    assert ("The cluster e2i does not run" in ended.stderr) is not runs
    assert "`e2i demo` goes on from here" in ended.stderr
