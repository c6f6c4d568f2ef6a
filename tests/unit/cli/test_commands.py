"""The command `e2i` as a whole."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from e2i.cli import main


def test_every_command_can_be_listed_and_tells_what_it_does() -> None:
    told = CliRunner().invoke(main, ["--help"])
    assert told.exit_code == 0
    for name in ("demo", "local", "manifest", "package", "pipeline"):
        assert name in told.output


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2i.cli.import_module", missing)
    told = CliRunner().invoke(main, ["package"])
    assert told.exit_code == 1
    assert "pip install 'e2i-operator[pipeline]'" in told.output


def test_a_module_that_no_extra_brings_is_a_bug_and_looks_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2i.cli.import_module", __import__)
    monkeypatch.setitem(sys.modules, "e2i.cli.package", None)
    told = CliRunner().invoke(main, ["package"])
    assert isinstance(told.exception, ModuleNotFoundError)


def missing(name: str) -> object:
    raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
