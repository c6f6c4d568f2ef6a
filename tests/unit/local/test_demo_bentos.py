"""The builds of the demo's bentos in the background."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.local.demo_bentos import BentoBuilds
from e2i.local.errors import ClusterError

GOOD = """
import sys
print("built", *sys.argv[1:])
"""
BAD = """
import sys
print("error: File not found: caf\\u00e9")
print("hint: look there", file=sys.stderr)
sys.exit("Error: it failed")
"""
SLOW = """
import time
time.sleep(3600)
"""


def a_project(folder: Path, program: str) -> Path:
    project = folder / "my café"
    (project / "bentos").mkdir(parents=True)
    (project / "bentos" / "build.py").write_text(program)
    return project


def test_all_versions_are_built_and_told_in_order(tmp_path: Path) -> None:
    said: list[str] = []
    with BentoBuilds(a_project(tmp_path, GOOD), tmp_path / "a store") as bentos:
        bentos.finish(said.append)
    words = [
        f"built churn --version {version} --store {tmp_path}/a store"
        for version in ("1.0.0", "2.0.0", "3.0.0")
    ]
    assert said == words


def test_a_build_that_fails_shows_its_last_lines_and_a_command_that_can_be_pasted(tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError) as failed,
        BentoBuilds(a_project(tmp_path, BAD), tmp_path / "a store") as bentos,
    ):
        bentos.finish(lambda _: None)
    text = str(failed.value)
    assert "churn_model:1.0.0 was not built" in text
    for line in ("error: File not found: café", "hint: look there", "Error: it failed"):
        assert f"    {line}\n" in text
    assert f"cd '{tmp_path}/my café' && " in text
    assert f"--store '{tmp_path}/a store'`" in text


def test_an_interrupt_ends_the_build(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), BentoBuilds(a_project(tmp_path, SLOW), tmp_path):
        raise KeyboardInterrupt
