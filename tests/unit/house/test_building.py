"""bentos/build.py in a clone whose path has spaces."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", PROJECT / "bentos" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_uv_gets_a_path_without_spaces(build: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "à côté" / "requirements.lock"
    lock.parent.mkdir()
    lock.write_text("numpy==2.0.0\n")
    seen = build.without_spaces(lock)
    assert " " not in str(seen)
    assert seen.read_text() == lock.read_text()


def test_a_path_without_spaces_stays(build: ModuleType, tmp_path: Path) -> None:
    assert build.without_spaces(tmp_path / "requirements.lock") == tmp_path / "requirements.lock"
